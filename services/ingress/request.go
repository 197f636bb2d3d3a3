package ingress

import (
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/services/ingress/source"
)

// header reads the headers of a request while its handler runs.
type header struct{ c fiber.Ctx }

// Get gives a copy of the first value.
func (h header) Get(name string) string {
	return string(h.c.Request().Header.Peek(name))
}

// Values gives copies of all values.
func (h header) Values(name string) []string {
	raw := h.c.Request().Header.PeekAll(name)
	values := make([]string, len(raw))
	for i, value := range raw {
		values[i] = string(value)
	}
	return values
}

// request copies what outlives the handler; the body does already.
func (s *Service) request(c fiber.Ctx) *source.Request {
	return &source.Request{
		Method:   strings.Clone(c.Method()),
		Path:     strings.TrimSuffix(strings.Clone(c.Path()), "/"),
		Query:    func(name string) string { return strings.Clone(c.Query(name)) },
		Header:   header{c},
		Body:     c.Request().Body(),
		Received: s.options.Now().UTC(),
		Remote:   strings.Clone(c.IP()),
	}
}
