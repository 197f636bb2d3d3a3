package main

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// judge knows what the migration itself has made so far, which nobody else uses yet.
type judge struct {
	made map[string]bool // tables
}

// judge says what of a statement the release before may stumble over.
func (j *judge) judge(n *pg.Node) []string {
	switch s := n.Node.(type) {
	case *pg.Node_CreateStmt:
		j.made[table(s.CreateStmt.Relation)] = true
	case *pg.Node_CreateTableAsStmt:
		j.made[table(s.CreateTableAsStmt.Into.Rel)] = true
	case *pg.Node_IndexStmt:
		if s.IndexStmt.Unique && !j.made[table(s.IndexStmt.Relation)] {
			return []string{"CREATE UNIQUE INDEX on a table that is in use: what the release before writes may be refused"}
		}
	case *pg.Node_AlterTableStmt:
		return j.alter(s.AlterTableStmt)
	case *pg.Node_DropStmt, *pg.Node_DropOwnedStmt, *pg.Node_DropRoleStmt:
		return []string{"DROP: the release before may use it"}
	case *pg.Node_RenameStmt:
		return []string{"RENAME: the release before knows the old name"}
	case *pg.Node_AlterObjectSchemaStmt:
		return []string{"SET SCHEMA: the release before looks for it where it was"}
	case *pg.Node_AlterEnumStmt:
		if s.AlterEnumStmt.OldVal != "" {
			return []string{"RENAME VALUE: the release before knows the old value"}
		}
	case *pg.Node_AlterDomainStmt:
		return []string{"ALTER DOMAIN: what the release before writes may be refused"}
	case *pg.Node_TruncateStmt:
		return []string{"TRUNCATE: the release before may read those rows"}
	case *pg.Node_DeleteStmt:
		if !j.made[table(s.DeleteStmt.Relation)] {
			return []string{"DELETE: the release before may read those rows"}
		}
	case *pg.Node_DoStmt:
		return []string{"DO: what it does can't be seen from here; write plain statements"}
	}
	return nil
}

func (j *judge) alter(s *pg.AlterTableStmt) (faults []string) {
	if j.made[table(s.Relation)] {
		return nil
	}
	for _, one := range s.Cmds {
		if what := alteration(one.GetAlterTableCmd()); what != "" {
			faults = append(faults, fmt.Sprintf("ALTER %s: %s", table(s.Relation), what))
		}
	}
	return faults
}

func alteration(c *pg.AlterTableCmd) string {
	switch c.Subtype {
	case pg.AlterTableType_AT_AddColumn:
		return addition(c.Def.GetColumnDef())
	case pg.AlterTableType_AT_DropColumn:
		return "DROP COLUMN " + c.Name + ": the release before may use it"
	case pg.AlterTableType_AT_AlterColumnType:
		return "TYPE of " + c.Name + ": the release before reads and writes the old one"
	case pg.AlterTableType_AT_SetNotNull:
		return "SET NOT NULL on " + c.Name + ": the release before may write null"
	case pg.AlterTableType_AT_DropNotNull:
		return "DROP NOT NULL on " + c.Name + ": the release before can't read null"
	case pg.AlterTableType_AT_ColumnDefault:
		if c.Def == nil {
			return "DROP DEFAULT of " + c.Name + ": the release before may leave the column out"
		}
	case pg.AlterTableType_AT_AddConstraint, pg.AlterTableType_AT_AddIndexConstraint:
		return "ADD CONSTRAINT: what the release before writes may be refused"
	case pg.AlterTableType_AT_DropConstraint:
		return "DROP CONSTRAINT " + c.Name + ": the release before may rely on it, as ON CONFLICT does"
	case pg.AlterTableType_AT_DetachPartition:
		return "DETACH PARTITION: the release before may read those rows"
	case pg.AlterTableType_AT_DropIdentity, pg.AlterTableType_AT_DropExpression:
		return "what fills " + c.Name + " is dropped: the release before may leave the column out"
	}
	return ""
}

// addition judges a new column: the release before does not know it and writes rows without it.
func addition(column *pg.ColumnDef) string {
	notNull, filled := false, false
	for _, one := range column.Constraints {
		switch one.GetConstraint().Contype {
		case pg.ConstrType_CONSTR_NOTNULL:
			notNull = true
		case pg.ConstrType_CONSTR_DEFAULT, pg.ConstrType_CONSTR_IDENTITY, pg.ConstrType_CONSTR_GENERATED:
			filled = true
		case pg.ConstrType_CONSTR_UNIQUE, pg.ConstrType_CONSTR_PRIMARY:
			return "ADD COLUMN " + column.Colname + " UNIQUE: rows of the release before may be refused"
		}
	}
	if names := column.TypeName.GetNames(); len(names) > 0 && strings.HasSuffix(names[len(names)-1].GetString_().GetSval(), "serial") {
		filled = true
	}
	if notNull && !filled {
		return "ADD COLUMN " + column.Colname + " NOT NULL without a DEFAULT: the release before writes rows without it"
	}
	return ""
}

func table(r *pg.RangeVar) string {
	if r.GetSchemaname() != "" && r.GetSchemaname() != "public" {
		return r.GetSchemaname() + "." + r.GetRelname()
	}
	return r.GetRelname()
}
