package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/backup"
	"github.com/edrelay/edrelay/services/edrelay/backup/folder"
	"github.com/edrelay/edrelay/services/edrelay/backup/s3"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

const wherePlaces = `PLACE is a folder, or s3://BUCKET/PREFIX of an S3-compatible store, which the usual variables describe:
AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.`

func backupCommand(a *App) *cobra.Command {
	keep, keys := 0, true
	cmd := &cobra.Command{
		Use: "backup PLACE", Short: "Keep log and ledger elsewhere, consistent with each other",
		Long: "Keep log and ledger elsewhere while edrelay runs.\n\n" + wherePlaces + `

The keys of the data dir (encryption.key, nats-auth, admin.token) belong to the backup, so it must be guarded like the data
dir itself; --keys=false leaves them out, and the restored secrets of subscriptions then need the same encryption_key.`,
		Example: "  edrelay backup /mnt/backup --keep 14\n  edrelay backup s3://backup/edrelay",
		RunE: func(cmd *cobra.Command, args []string) error {
			shelf, err := a.shelf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.takeBackup(cmd.Context(), shelf, keys, keep)
		},
	}
	cmd.Flags().IntVar(&keep, "keep", 0, "backups to keep, older ones are removed after this one was made; 0 = all")
	cmd.Flags().BoolVar(&keys, "keys", true, "keep the keys of the data dir too")
	cmd.AddCommand(backupList(a), backupVerify(a))
	return cmd
}

func (a *App) takeBackup(ctx context.Context, shelf backup.Shelf, keys bool, keep int) error {
	loaded, err := a.config()
	if err != nil {
		return err
	}
	manifest, err := assembly.Backup(ctx, loaded, assembly.NewLogger(loaded.Log, a.Err), a.Version, shelf, keys)
	if err != nil {
		return err
	}
	if keep > 0 {
		removed, err := backup.Prune(ctx, shelf, keep)
		if err != nil {
			return err
		}
		if removed > 0 {
			a.note("%d older backups removed.", removed)
		}
	}
	if a.wantsJSON() {
		return a.printJSON(manifest.Row())
	}
	return a.printBackups([]backup.Manifest{manifest})
}

func backupList(a *App) *cobra.Command {
	var limit int
	var watch bool
	cmd := &cobra.Command{
		Use: "ls PLACE", Aliases: []string{"list"}, Short: "List the backups of a place, newest first",
		Example: "  edrelay backup ls /mnt/backup",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError{cmd.CommandPath(), errors.New("--limit must be 0 or more")}
			}
			shelf, err := a.shelf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			show := func(ctx context.Context) error { return a.showBackups(ctx, shelf, limit) }
			if watch {
				return a.watch(cmd.Context(), show)
			}
			return show(cmd.Context())
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "rows at most; 0 = all")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again every two seconds until interrupted")
	return cmd
}

func (a *App) showBackups(ctx context.Context, shelf backup.Shelf, limit int) error {
	list, err := backup.List(ctx, shelf)
	if err != nil {
		return err
	}
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	if !a.wantsJSON() {
		return a.printBackups(list)
	}
	rows := []backup.Row{}
	for _, one := range list {
		rows = append(rows, one.Row())
	}
	return a.printJSON(rows)
}

func (a *App) printBackups(list []backup.Manifest) error {
	rows := make([]backup.Row, len(list))
	for i, one := range list {
		rows[i] = one.Row()
	}
	return table.Write(a.screen(), rows, []table.Column[backup.Row]{
		column("NAME", func(r backup.Row) string { return r.Name }),
		column("MADE", func(r backup.Row) string { return table.Age(r.MadeAt, time.Now()) }),
		column("MESSAGES", func(r backup.Row) string { return fmt.Sprint(r.Messages) }),
		column("ROWS", func(r backup.Row) string { return fmt.Sprint(r.Rows) }),
		column("BYTES", func(r backup.Row) string { return fmt.Sprint(r.Bytes) }),
	})
}

func backupVerify(a *App) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "verify PLACE", Short: "Read a backup and hold it against its checksums",
		Example: "  edrelay backup verify /mnt/backup",
		RunE: func(cmd *cobra.Command, args []string) error {
			shelf, manifest, err := a.kept(cmd.Context(), args[0], name)
			if err != nil {
				return err
			}
			if err := backup.Verify(cmd.Context(), shelf, manifest); err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "Backup %s is whole: %d files.\n", manifest.Name, len(manifest.Files))
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "which backup; default the newest")
	return cmd
}

func restoreCommand(a *App) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "restore PLACE", Short: "Bring a backup back onto an empty log and ledger",
		Long: `Verify a backup and bring it back onto an empty log and ledger: an empty data_dir, or the NATS and Postgres that nats.url
and database.url name. No edrelay may run meanwhile.

` + wherePlaces + `

What was settled while the backup was made is handed out once more, which no learner and no ledger notices. An external NATS
server must be restarted afterwards: only then does it know which sends of the last day are repeats.`,
		Example: "  edrelay restore /mnt/backup\n  edrelay up\n  edrelay audit",
		RunE: func(cmd *cobra.Command, args []string) error {
			shelf, manifest, err := a.kept(cmd.Context(), args[0], name)
			if err != nil {
				return err
			}
			loaded, err := a.config()
			if err != nil {
				return err
			}
			if err := assembly.Restore(cmd.Context(), loaded, assembly.NewLogger(loaded.Log, a.Err), a.Version, shelf, manifest); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(manifest.Row())
			}
			fmt.Fprintf(a.Out, "Backup %s of %s is back. Start edrelay, then run `edrelay audit`.\n", manifest.Name, manifest.MadeAt.Format(time.RFC3339))
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "which backup; default the newest")
	return cmd
}

// kept finds a backup of a place.
func (a *App) kept(ctx context.Context, place, name string) (backup.Shelf, backup.Manifest, error) {
	shelf, err := a.shelf(ctx, place)
	if err != nil {
		return nil, backup.Manifest{}, err
	}
	manifest, err := backup.Find(ctx, shelf, name)
	return shelf, manifest, err
}

// shelf opens the place that backups are kept at.
func (a *App) shelf(ctx context.Context, place string) (backup.Shelf, error) {
	bucket, found := strings.CutPrefix(place, "s3://")
	if !found {
		root, err := filepath.Abs(place)
		return folder.New(root), err
	}
	endpoint, err := url.Parse(a.env("AWS_ENDPOINT_URL_S3", a.env("AWS_ENDPOINT_URL", "https://s3.amazonaws.com")))
	if err != nil || endpoint.Host == "" {
		return nil, &relay.Error{Code: relay.CodeInvalid, Message: "AWS_ENDPOINT_URL is no URL.", Hint: "Write https://host:port."}
	}
	name, prefix, _ := strings.Cut(bucket, "/")
	return s3.New(ctx, s3.Config{
		Endpoint: endpoint.Host, Insecure: endpoint.Scheme == "http", Region: a.env("AWS_REGION", a.env("AWS_DEFAULT_REGION", "")),
		Bucket: name, Prefix: prefix,
		AccessKey: a.env("AWS_ACCESS_KEY_ID", ""), SecretKey: a.env("AWS_SECRET_ACCESS_KEY", ""), Token: a.env("AWS_SESSION_TOKEN", ""),
	})
}
