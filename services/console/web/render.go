package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// pages are the parsed templates, each with the frame around it.
type pages struct {
	byName map[string]*template.Template
	mark   string // changes with the assets, so that browsers may keep them for ever
}

func parsePages() (*pages, error) {
	shared, err := template.New("").Funcs(functions()).ParseFS(files, "page/frame.html", "page/part.html")
	if err != nil {
		return nil, err
	}
	p := &pages{byName: map[string]*template.Template{}, mark: assetMark()}
	names, err := fs.Glob(files, "page/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".html")
		if base == "frame" || base == "part" {
			continue
		}
		clone, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if p.byName[base], err = clone.ParseFS(files, name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func assetMark() string {
	sum := sha256.New()
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		raw, err := files.ReadFile("asset/" + name)
		if err != nil {
			panic(err) // they are embedded
		}
		sum.Write(raw)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// view is what a template sees.
type view struct {
	Title   string
	Room    string // path of the room in the frame that is lit
	Who     relay.Operator
	Form    string
	Mark    string
	Version string
	Now     time.Time
	Asked   string // what stands in the search box
	Done    string // said on top after something was done
	Rooms   []lamp
	Page    any
	ports   map[string]bool
}

// Operator tells whether changes may be offered.
func (v view) Operator() bool { return v.Who.Role.Allows(relay.RoleOperator) }

// Admin tells whether what only admins may do is offered.
func (v view) Admin() bool { return v.Who.Role.Allows(relay.RoleAdmin) }

// There tells whether a port is there.
func (v view) There(port string) bool { return v.ports[port] }

// Can tells whether a port is there and this operator may use it.
func (v view) Can(port string) bool { return v.ports[port] && v.Operator() }

// lamp is one room's line in the frame.
type lamp struct {
	Part, Name, Path, Key string
	Admin                 bool
}

func (s *site) lamps() []lamp {
	ports := s.desk.Ports
	all := []struct {
		lamp
		there bool
	}{
		{lamp{Name: "Overview", Path: "/", Key: "o"}, true},
		{lamp{Part: "In", Name: "Webhooks", Path: "/webhooks", Key: "w"}, true},
		{lamp{Name: "Rejected", Path: "/rejected", Key: "x"}, true},
		{lamp{Name: "Enrolments", Path: "/enrollments", Key: "e"}, true},
		{lamp{Part: "Out", Name: "Events", Path: "/events", Key: "v"}, true},
		{lamp{Name: "Subscriptions", Path: "/subscriptions", Key: "s"}, ports.Subscriptions != nil},
		{lamp{Name: "Deliveries", Path: "/deliveries", Key: "d"}, ports.Deliveries != nil},
		{lamp{Name: "Filters", Path: "/filters", Key: "f"}, ports.Filters != nil},
		{lamp{Part: "Again", Name: "Replays", Path: "/replays", Key: "r"}, ports.Replays != nil},
		{lamp{Part: "edrelay", Name: "Settings", Path: "/settings", Key: "c"}, true},
		{lamp{Name: "Erasures", Path: "/erasures", Key: "l"}, ports.Learners != nil},
		{lamp{Name: "Audit trail", Path: "/trail", Key: "t", Admin: true}, ports.Audit != nil},
	}
	var lamps []lamp
	for _, one := range all {
		if one.there {
			lamps = append(lamps, one.lamp)
		}
	}
	return lamps
}

func (s *site) view(c fiber.Ctx, room, title string, page any) view {
	return view{
		Title: title, Room: room, Mark: s.pages.mark, Version: s.Version, Now: s.Now(), Rooms: s.lamps(), Page: page, Asked: c.Query("q"),
		Done: doneText(c), ports: map[string]bool{"retry": s.desk.Ports.Retry != nil, "reverify": s.desk.Ports.Reverify != nil,
			"learners": s.desk.Ports.Learners != nil, "deliveries": s.desk.Ports.Deliveries != nil, "replays": s.desk.Ports.Replays != nil},
	}
}

// show answers with a page inside the frame.
func (s *site) show(c fiber.Ctx, v *visit, name, room, title string, page any) error {
	view := s.view(c, room, title, page)
	view.Who, view.Form = v.who, v.form
	return s.render(c, name, view)
}

// render writes the whole page before anything is sent, so that a fault is an error page and not half a page.
func (s *site) render(c fiber.Ctx, name string, v view) error {
	var out bytes.Buffer
	if err := s.pages.byName[name].ExecuteTemplate(&out, "frame", v); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(out.Bytes())
}
