// Command alertcheck parses every expression of the alert rules and of the dashboard as Prometheus does, and holds the
// metrics and labels in them against the list of metrics: an alert on a metric that nobody exports never fires.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: alertcheck METRICS.md ALERTS.yml ALERTS.md DASHBOARD.json")
		os.Exit(2)
	}
	metrics, err := documented(os.Args[1])
	if err == nil {
		err = errors.Join(checkRules(metrics, os.Args[2], os.Args[3]), checkDashboard(metrics, os.Args[4]))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s, %s: every expression is of the %d metrics that exist\n", os.Args[2], os.Args[4], len(metrics))
}

// metric is what the list says of one.
type metric struct {
	kind   string
	labels []string
}

var row = regexp.MustCompile("(?m)^\\| `(edrelay_[a-z0-9_]+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\|")

func documented(file string) (map[string]metric, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	list := map[string]metric{"up": {kind: "gauge"}}
	for _, parts := range row.FindAllStringSubmatch(string(text), -1) {
		list[parts[1]] = metric{parts[2], strings.FieldsFunc(parts[3], func(r rune) bool { return strings.ContainsRune("`, ", r) })}
	}
	return list, nil
}

// target are the labels that Prometheus itself puts on everything.
var target = []string{"job", "instance", labels.MetricName}

func checkExpression(metrics map[string]metric, text string) error {
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return err
	}
	var errs []error
	known := map[string]bool{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		selector, is := node.(*parser.VectorSelector)
		if !is {
			return nil
		}
		found, allowed := metrics[selector.Name], slices.Clone(target)
		if base, part := histogram(selector.Name); found.kind == "" && metrics[base].kind == "histogram" {
			found = metrics[base]
			if part == "bucket" {
				allowed = append(allowed, "le")
			}
		} else if found.kind == "" || found.kind == "histogram" {
			errs = append(errs, fmt.Errorf("there is no metric %s", selector.Name))
			return nil
		}
		allowed = append(allowed, found.labels...)
		for _, label := range allowed {
			known[label] = true
		}
		for _, matcher := range selector.LabelMatchers {
			if !slices.Contains(allowed, matcher.Name) {
				errs = append(errs, fmt.Errorf("%s has no label %s", selector.Name, matcher.Name))
			}
		}
		return nil
	})
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if aggregate, is := node.(*parser.AggregateExpr); is {
			for _, label := range aggregate.Grouping {
				if !known[label] {
					errs = append(errs, fmt.Errorf("nothing in it has the label %s", label))
				}
			}
		}
		return nil
	})
	return errors.Join(errs...)
}

func histogram(name string) (base, part string) {
	i := strings.LastIndexByte(name, '_')
	if i < 0 || !slices.Contains([]string{"bucket", "sum", "count"}, name[i+1:]) {
		return "", ""
	}
	return name[:i], name[i+1:]
}

// rules are what a file of alerts may hold.
type rules struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []struct {
			Alert       string            `json:"alert"`
			Expr        string            `json:"expr"`
			For         string            `json:"for"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"rules"`
	} `json:"groups"`
}

func checkRules(metrics map[string]metric, file, guide string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	help, err := os.ReadFile(guide)
	if err != nil {
		return err
	}
	var all rules
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var errs []error
	headings := map[string]bool{}
	for line := range strings.Lines(string(help)) {
		if heading, is := strings.CutPrefix(line, "## "); is {
			headings[strings.TrimSpace(heading)] = true
		}
	}
	for _, group := range all.Groups {
		for _, rule := range group.Rules {
			wrong := func(format string, args ...any) {
				errs = append(errs, fmt.Errorf("%s: %s: %s", file, rule.Alert, fmt.Sprintf(format, args...)))
			}
			if err := checkExpression(metrics, rule.Expr); err != nil {
				wrong("%v", err)
			}
			if !slices.Contains([]string{"critical", "warning"}, rule.Labels["severity"]) || rule.For == "" {
				wrong("severity critical or warning, and for, are wanted")
			}
			for _, name := range []string{"summary", "description"} {
				if rule.Annotations[name] == "" {
					wrong("%s is wanted", name)
				}
			}
			if !strings.HasSuffix(rule.Annotations["runbook_url"], "docs/alerts.md#"+strings.ToLower(rule.Alert)) || !headings[rule.Alert] {
				wrong("runbook_url must lead to its heading in %s", guide)
			}
			delete(headings, rule.Alert)
		}
	}
	for heading := range headings {
		errs = append(errs, fmt.Errorf("%s: there is no alert %s", guide, heading))
	}
	return errors.Join(errs...)
}

// variables of the dashboard stand for what a viewer chooses.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$job", ".*")

func checkDashboard(metrics map[string]metric, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var board struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID         int               `json:"id"`
			Title      string            `json:"title"`
			Type       string            `json:"type"`
			Datasource map[string]string `json:"datasource"`
			Targets    []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &board); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var errs []error
	seen := map[int]bool{}
	if board.UID == "" || len(board.Panels) == 0 {
		errs = append(errs, fmt.Errorf("%s: uid and panels are wanted", file))
	}
	for _, panel := range board.Panels {
		if seen[panel.ID] {
			errs = append(errs, fmt.Errorf("%s: %s: the id %d stands twice", file, panel.Title, panel.ID))
		}
		seen[panel.ID] = true
		if panel.Type != "row" && (len(panel.Targets) == 0 || panel.Datasource["uid"] != "${datasource}") {
			errs = append(errs, fmt.Errorf("%s: %s: a query, of the chosen data source, is wanted", file, panel.Title))
		}
		for _, one := range panel.Targets {
			if err := checkExpression(metrics, variables.Replace(one.Expr)); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", file, panel.Title, err))
			}
		}
	}
	return errors.Join(errs...)
}
