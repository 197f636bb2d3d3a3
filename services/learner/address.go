package learner

import (
	"bytes"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// address is an e-mail address that is looked for, in lower case.
type address struct {
	text          string
	local, domain []byte
}

// parseAddress reads an address as the rest of edrelay compares it: trimmed, without case.
func parseAddress(text string) (address, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	local, domain, found := strings.Cut(text, "@")
	switch {
	case !found || local == "" || domain == "" || len(text) > 254 || strings.ContainsAny(text, " \t\r\n,;<>\"") || strings.Contains(domain, "@"):
		return address{}, &relay.Error{Code: relay.CodeInvalid, Message: "this is no e-mail address", Hint: "Give one address, such as ada@example.org."}
	case relay.IsForgotten(text):
		return address{}, relay.Errorf(relay.CodeInvalid, "this stands for a learner who was forgotten already")
	}
	return address{text: text, local: []byte(local), domain: []byte(domain)}, nil
}

// in tells whether the address stands in a payload: as it is, in JSON or form escapes, compressed, or in Avro.
func (a address) in(payload []byte) bool {
	return eachReading(payload, func(text []byte) bool { return a.spans(text, nil) })
}

// spans finds the address in a text as a whole: ann@example.org is not in joann@example.org. With visit nil it stops at
// the first.
func (a address) spans(text []byte, visit func(from, to int)) bool {
	found := false
	for from := 0; ; {
		at := bytes.IndexByte(text[from:], '@')
		if at < 0 {
			return found
		}
		at += from
		from = at + 1
		start, end := at-len(a.local), at+1+len(a.domain)
		if start < 0 || end > len(text) || !bytes.EqualFold(text[start:at], a.local) || !bytes.EqualFold(text[at+1:end], a.domain) {
			continue
		}
		if !a.prefixed(text[:start]) && (start > 0 && localByte(text[start-1]) || goesOn(text[end:])) {
			continue
		}
		found = true
		if visit == nil {
			return true
		}
		visit(start, end)
	}
}

// prefixed tells whether the length of the address stands before it, as Avro writes texts; what is around it then is no
// part of it.
func (a address) prefixed(before []byte) bool {
	length := 2 * len(a.text) // zigzag
	if length < 0x80 {
		return bytes.HasSuffix(before, []byte{byte(length)})
	}
	return bytes.HasSuffix(before, []byte{byte(length&0x7f | 0x80), byte(length >> 7)})
}

func localByte(c byte) bool {
	return alphanumeric(c) || c == '.' || c == '_' || c == '+' || c == '-' || c == '%' || c >= 0x80
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// goesOn tells whether a domain goes on in what follows it.
func goesOn(after []byte) bool {
	if len(after) == 0 {
		return false
	}
	c := after[0]
	return alphanumeric(c) || c == '-' || c >= 0x80 || c == '.' && len(after) > 1 && alphanumeric(after[1])
}

// scrub puts as in the place of the address in a text. Where it stands in escapes, nothing of the text is kept.
func (a address) scrub(text, as string) string {
	var out strings.Builder
	last := 0
	a.spans([]byte(text), func(from, to int) {
		out.WriteString(text[last:from] + as)
		last = to
	})
	out.WriteString(text[last:])
	if a.in([]byte(out.String())) {
		return ""
	}
	return out.String()
}

// namesOthers tells whether an e-mail address other than this one stands in a payload.
func (a address) namesOthers(payload []byte) bool {
	return eachReading(payload, func(text []byte) bool {
		for from := 0; ; {
			at := bytes.IndexByte(text[from:], '@')
			if at < 0 {
				return false
			}
			at += from
			from = at + 1
			start, end := at, at+1
			for start > 0 && localByte(text[start-1]) {
				start--
			}
			for end < len(text) && (alphanumeric(text[end]) || text[end] == '-' || text[end] == '.') {
				end++
			}
			domain := bytes.TrimRight(text[at+1:end], ".-")
			if start == at || !bytes.ContainsRune(domain, '.') {
				continue
			}
			if !bytes.EqualFold(text[start:at], a.local) || !bytes.EqualFold(domain, a.domain) {
				return true
			}
		}
	})
}
