package ingress

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// firstRoom is what a body gets before any of it has come. A sender that announces much and sends little takes no more.
const firstRoom = 16 << 10

// oversize marks a request whose announced body is not waited for.
const oversize = "Edrelay-Oversize"

// markOversize takes the announced length from requests beyond the limit, for the server would wait for the first of
// their bytes before it hands them on.
func markOversize(limit int) func(*fasthttp.RequestHeader) fasthttp.RequestConfig {
	return func(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
		if header.ContentLength() > limit {
			header.SetContentLength(0)
			header.Set(oversize, "1")
		}
		return fasthttp.RequestConfig{}
	}
}

// takeBody reads the body as it comes, into bytes that outlive the handler: Fiber's own are used again for the next
// request, while a publish that timed out may still hold these. A connection whose body was not read to its end is
// closed, for the rest would be taken for the next request.
func (s *Service) takeBody(c fiber.Ctx) error {
	request := c.Request()
	if len(request.Header.Peek(oversize)) > 0 {
		c.RequestCtx().SetConnectionClose()
		return fiber.ErrRequestEntityTooLarge
	}
	stream := request.BodyStream()
	if stream == nil {
		request.SetBodyRaw(bytes.Clone(request.Body()))
		return c.Next()
	}
	body, err := readBody(stream, request.Header.ContentLength(), s.options.BodyLimit)
	if err != nil {
		c.RequestCtx().SetConnectionClose()
		return err
	}
	request.SetBodyRaw(body)
	return c.Next()
}

// readBody reads a body of the length announced, -1 for none, of at most limit bytes. Memory grows with what has come.
func readBody(stream io.Reader, announced, limit int) ([]byte, error) {
	room := firstRoom
	if announced >= 0 {
		room = min(announced, firstRoom)
	}
	body := make([]byte, 0, room)
	for {
		n, err := stream.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > limit:
			return nil, fiber.ErrRequestEntityTooLarge
		case err == io.EOF || (err == nil && len(body) == announced):
			return body, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fiber.ErrRequestTimeout
		case err != nil:
			return nil, fiber.ErrBadRequest
		case len(body) == cap(body):
			body = slices.Grow(body, min(len(body)+1, limit+1-len(body)))
		}
	}
}
