package natsauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/edrelay/edrelay/internal/relay"
)

const (
	readersDir = "readers"
	apiPrefix  = "edrelay.api" // of the log's account, inside a reader's
)

var readerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// reader is one subscribing service, as kept in a file of the keys' directory. It has no secret: the account's seed
// lies beside it, the user's is in nobody's hands but the service's.
type reader struct {
	Name      string     `json:"name"`
	Allow     []string   `json:"allow"`
	Account   string     `json:"account"` // public key
	User      string     `json:"user"`    // public key of the credentials that were given out; "" until they were
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// ready tells whether the reader was made to its end.
func (r reader) ready() bool { return r.User != "" }

func (r reader) mark() relay.Mark { return relay.Mark{Time: r.CreatedAt, ID: r.Name} }

func (r reader) user() relay.NATSUser {
	state := relay.TokenActive
	if r.RevokedAt != nil {
		state = relay.TokenRevoked
	}
	return relay.NATSUser{
		Name: r.Name, Allow: r.Allow, InboxPrefix: r.inboxPrefix(), State: state, CreatedAt: r.CreatedAt, RevokedAt: r.RevokedAt,
	}
}

func (r reader) inboxPrefix() string { return "_INBOX_" + r.Name }

// copyConsumer names the consumer of the log that feeds the mirror, copySubject what it delivers to. Both carry the
// account's key, so that a name used again is another reader.
func (r reader) copyConsumer() string { return "reader_" + r.Name + "_" + r.Account[:16] }
func (r reader) copySubject() string  { return copyBranch + r.copyConsumer() }

// rights are all that the official clients need to read a stream live, in order or durably: the API of the mirror
// alone, acknowledgements, flow control. The mirror holds nothing but allowed events.
func (r reader) rights() jwt.Permissions {
	const api, stream = "$JS.API.", relay.StreamEvents
	publish := []string{
		api + "INFO", api + "STREAM.NAMES", api + "STREAM.INFO." + stream, api + "STREAM.MSG.GET." + stream,
		api + "DIRECT.GET." + stream,
		api + "CONSUMER.CREATE." + stream, api + "CONSUMER.CREATE." + stream + ".*", api + "CONSUMER.DURABLE.CREATE." + stream + ".*",
		api + "CONSUMER.INFO." + stream + ".*", api + "CONSUMER.NAMES." + stream, api + "CONSUMER.LIST." + stream,
		api + "CONSUMER.MSG.NEXT." + stream + ".*", api + "CONSUMER.DELETE." + stream + ".*",
		"$JS.ACK.>", "$JS.FC.>",
	}
	for _, subject := range r.Allow {
		publish = append(publish, api+"CONSUMER.CREATE."+stream+".*."+subject, api+"DIRECT.GET."+stream+"."+subject)
	}
	return jwt.Permissions{
		Pub: jwt.Permission{Allow: publish},
		Sub: jwt.Permission{Allow: append(slices.Clone(r.Allow), r.inboxPrefix()+".>")},
	}
}

// checkReader refuses names and subjects that can't be.
func checkReader(name string, allow []string) error {
	if !readerName.MatchString(name) {
		return relay.Errorf(relay.CodeInvalid, "the name %q is not lower-case letters, digits, - and _ (at most 63)", name)
	}
	if len(allow) == 0 {
		return relay.Errorf(relay.CodeInvalid, "a NATS user needs at least one subject to read, for example events.org.openedx.learning.>")
	}
	for _, subject := range allow {
		if !eventSubject(subject) {
			return relay.Errorf(relay.CodeInvalid, "%q is not a subject of events: it begins with events. and may hold * for one token and > at the end", subject)
		}
	}
	return nil
}

func eventSubject(subject string) bool {
	tokens := strings.Split(subject, ".")
	if len(tokens) < 2 || tokens[0] != "events" || len(subject) > 255 {
		return false
	}
	for i, token := range tokens {
		if token == ">" && i == len(tokens)-1 || token == "*" {
			continue
		}
		if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' || c == '*' || c == '>' }) {
			return false
		}
	}
	return true
}

// narrow leaves out subjects that another one covers: a server refuses imports that overlap.
func narrow(allow []string) []string {
	var kept []string
	for i, subject := range allow {
		covered := slices.ContainsFunc(allow[:i], func(other string) bool { return covers(other, subject) }) ||
			slices.ContainsFunc(allow[i+1:], func(other string) bool { return covers(other, subject) && !covers(subject, other) })
		if !covered {
			kept = append(kept, subject)
		}
	}
	return kept
}

// covers tells whether everything that b matches is matched by a.
func covers(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i, token := range as {
		if token == ">" {
			return len(bs) > i
		}
		if i >= len(bs) || bs[i] == ">" || token != "*" && token != bs[i] {
			return false
		}
	}
	return len(as) == len(bs)
}

func (a *Authority) readerFile(name string) string {
	return filepath.Join(a.dir, readersDir, name+".json")
}

func (a *Authority) readerKey(account string) string {
	return filepath.Join(a.dir, readersDir, account+".nk")
}

// reader reads one; relay.ErrNotFound when there is none.
func (a *Authority) reader(name string) (reader, error) {
	if !readerName.MatchString(name) {
		return reader{}, fmt.Errorf("NATS user: %w", relay.ErrNotFound)
	}
	text, err := os.ReadFile(a.readerFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return reader{}, fmt.Errorf("NATS user %s: %w", name, relay.ErrNotFound)
	}
	if err != nil {
		return reader{}, fmt.Errorf("read NATS user: %w", err)
	}
	var r reader
	if err := json.Unmarshal(text, &r); err != nil {
		return reader{}, fmt.Errorf("read NATS user %s: %w", name, err)
	}
	return r, nil
}

func (a *Authority) readers() ([]reader, error) {
	files, err := filepath.Glob(filepath.Join(a.dir, readersDir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("list NATS users: %w", err)
	}
	var all []reader
	for _, file := range files {
		r, err := a.reader(strings.TrimSuffix(filepath.Base(file), ".json"))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (a *Authority) saveReader(r reader) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write NATS user: %w", err)
	}
	return replace(a.readerFile(r.Name), text)
}
