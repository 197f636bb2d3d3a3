package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// answer sends what work gives, as JSON.
func answer[T any](c fiber.Ctx, work func(context.Context) (T, error)) error {
	ctx, cancel := context.WithTimeout(c.Context(), readTimeout)
	defer cancel()
	result, err := work(ctx)
	if err != nil {
		return err
	}
	return c.JSON(result)
}

// decode reads a request body strictly: one JSON object, no unknown keys, nothing behind it.
func decode(c fiber.Ctx, into any) error {
	if media, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";"); !strings.EqualFold(strings.TrimSpace(media), fiber.MIMEApplicationJSON) {
		return relay.Errorf(relay.CodeUnsupported, "the body must be application/json")
	}
	reader := json.NewDecoder(bytes.NewReader(c.Body()))
	reader.DisallowUnknownFields()
	if err := reader.Decode(into); err != nil {
		return &relay.Error{Code: relay.CodeInvalid, Message: "the body is not what is expected here: " + jsonFault(err), Err: err}
	}
	if _, err := reader.Token(); !errors.Is(err, io.EOF) {
		return relay.Errorf(relay.CodeInvalid, "something stands behind the JSON object")
	}
	return nil
}

// jsonFault says what is wrong with a body without repeating the body.
func jsonFault(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return e.Field + " must be a " + e.Type.String()
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		_ = e
		return "broken JSON"
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && len(field) < 80 {
		return "unknown field " + field
	}
	return "broken JSON"
}
