package learner

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
)

// person is a learner with what else names them in Open edX.
type person struct {
	address
	usernames map[string]bool
	ids       map[string]bool // user ids, as decimal text
	others    map[string]bool // addresses seen with the usernames
}

func newPerson(a address) *person {
	return &person{address: a, usernames: map[string]bool{}, ids: map[string]bool{}, others: map[string]bool{}}
}

// names tells how a message names the learner; "" when it does not.
func (p *person) names(m *relay.Received) string {
	if p.in(m.Body) || p.inAttributes(m) {
		return relay.NamedByAddress
	}
	if m.Stream != relay.StreamEvents || !p.mayStand(m.Body) {
		return ""
	}
	by := ""
	walkUsers(m.Body, func(u user) {
		switch {
		case u.username != "" && p.usernames[u.username]:
			by = relay.NamedByUsername
		case by == "" && u.id != "" && p.ids[u.id]:
			by = relay.NamedByUserID
		}
	})
	return by
}

// inAttributes looks at all of a message but its body.
func (p *person) inAttributes(m *relay.Received) bool {
	for _, text := range []string{m.Subject, m.ID, m.About, m.Source} {
		if strings.Contains(text, "@") && p.in([]byte(text)) {
			return true
		}
	}
	for _, value := range m.Header {
		if p.in([]byte(value)) {
			return true
		}
	}
	if !openedx.Parked(m.Message) {
		return false
	}
	entry, err := openedx.ParkedEntry(m.Message)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entry.Fields, func(field [2]string) bool { return p.in([]byte(field[1])) })
}

// mayStand is a cheap look that spares most bodies from being read.
func (p *person) mayStand(body []byte) bool {
	for word := range p.usernames {
		if bytes.Contains(body, []byte(word)) || bytes.IndexByte(body, '\\') >= 0 {
			return true
		}
	}
	for word := range p.ids {
		if bytes.Contains(body, []byte(word)) {
			return true
		}
	}
	return false
}

// learn takes in what an event that names the address says of the same user.
func (p *person) learn(body []byte) {
	walkUsers(body, func(u user) {
		if strings.ToLower(strings.TrimSpace(u.email)) != p.text {
			return
		}
		if u.username != "" {
			p.usernames[u.username] = true
		}
		if u.id != "" {
			p.ids[u.id] = true
		}
	})
}

// meet notes under which other addresses the learner's username was seen.
func (p *person) meet(body []byte) {
	walkUsers(body, func(u user) {
		if email := strings.ToLower(strings.TrimSpace(u.email)); p.usernames[u.username] && email != p.text && strings.Contains(email, "@") {
			p.others[email] = true
		}
	})
}

func sorted(set map[string]bool) []string {
	return append([]string{}, slices.Sorted(maps.Keys(set))...)
}

// user is a person as an event of Open edX names one.
type user struct{ username, email, id string }

// walkUsers shows all users of an event's data, wherever they stand. Lists of bare ids, which name many at once, are
// looked at only when they hold one.
func walkUsers(body []byte, see func(user)) {
	reader := json.NewDecoder(bytes.NewReader(body))
	reader.UseNumber()
	var value any
	if reader.Decode(&value) == nil {
		walkValue(value, see)
	}
}

func walkValue(value any, see func(user)) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			walkValue(one, see)
		}
	case map[string]any:
		if pii, ok := value["pii"].(map[string]any); ok {
			see(user{username: text(pii["username"]), email: text(pii["email"]), id: number(value["id"])})
		} else if _, ok := value["username"].(string); ok {
			see(user{username: text(value["username"]), email: text(value["email"])})
		}
		for _, key := range []string{"user_id", "lms_user_id"} {
			if id := number(value[key]); id != "" {
				see(user{id: id})
			}
		}
		if list, ok := value["user_ids"].([]any); ok && len(list) == 1 {
			see(user{id: number(list[0])})
		}
		for _, one := range value {
			walkValue(one, see)
		}
	}
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func number(value any) string {
	n, _ := value.(json.Number)
	return n.String()
}
