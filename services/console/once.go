package console

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// The headers of idempotent writes.
const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotent-Replayed"
)

const (
	mostKey   = 255 // characters of an Idempotency-Key
	onceLease = 15 * time.Second
	onceWait  = 30 * time.Second // for the answer to a request that is being worked
	onceLook  = 100 * time.Millisecond
)

// onceKey is a request that is worked once: its name in the ledger, what it asks, and the key that its answer is sealed
// with. A caller needs both its token and its Idempotency-Key to open it again.
type onceKey struct {
	id, request []byte
	seal        [32]byte
}

func digest(parts ...[]byte) [32]byte {
	hash := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256(part)
		hash.Write(sum[:])
	}
	return [32]byte(hash.Sum(nil))
}

func newOnceKey(c fiber.Ctx, key string) onceKey {
	_, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	id := digest([]byte("id"), []byte(token), []byte(key))
	request := digest([]byte(c.Method()), []byte(c.OriginalURL()), c.Body())
	return onceKey{id: id[:], request: request[:], seal: digest([]byte("seal"), []byte(token), []byte(key))}
}

// once works a request with an Idempotency-Key at most once a day: the same request gets the same answer again, also from
// another process and after a restart; another one under the same key is refused. An answer of 429 or 5xx is not
// kept, so that the request can be made again.
func (s *Service) once(c fiber.Ctx, r route) error {
	key := c.Get(headerKey)
	if len(key) > mostKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return relay.Errorf(relay.CodeInvalid, "%s must be 1 to %d printable ASCII characters", headerKey, mostKey)
	}
	k := newOnceKey(c, key)
	owner := rand.Text()
	mine, err := s.opts.Ports.Idempotency.ClaimKey(c.Context(), k.id, k.request, owner, onceLease)
	if err != nil {
		return err
	}
	if !mine {
		if mine, err = s.again(c, r, k, owner); err != nil || !mine {
			return err
		}
	}
	return s.first(c, r, k, owner)
}

// first works the request and keeps its answer.
func (s *Service) first(c fiber.Ctx, r route, k onceKey, owner string) error {
	ctx := context.WithoutCancel(c.Context())
	stop := s.keepKey(ctx, k, owner)
	err := s.audited(c, r)
	stop()
	if err != nil {
		err = s.problem(c, err) // the answer is kept as it goes out
	}
	port, answer := s.opts.Ports.Idempotency, c.Response()
	if status := answer.StatusCode(); status < fiber.StatusInternalServerError && status != fiber.StatusTooManyRequests {
		sealed := k.sealed(answer.Body())
		if kept := port.FinishKey(ctx, k.id, owner, status, string(answer.Header.ContentType()), sealed); kept != nil {
			s.opts.Log.Error("answer of an idempotent request not kept", "error", kept)
		}
		return err
	}
	if dropped := port.DropKey(ctx, k.id, owner); dropped != nil {
		s.opts.Log.Error("idempotency key not released", "error", dropped)
	}
	return err
}

// keepKey renews the lease until it is told to stop.
func (s *Service) keepKey(ctx context.Context, k onceKey, owner string) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(onceLease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = s.opts.Ports.Idempotency.RenewKey(ctx, k.id, owner, onceLease) // the next tick tries again
			}
		}
	}()
	return stop
}

// again answers a request that was made before; mine says that it must be worked after all.
func (s *Service) again(c fiber.Ctx, r route, k onceKey, owner string) (mine bool, err error) {
	for deadline := time.Now().Add(onceWait); ; {
		kept, err := s.opts.Ports.Idempotency.KeyAnswer(c.Context(), k.id)
		switch {
		case relay.CodeOf(err) == relay.CodeNotFound: // it failed and was released
			return s.opts.Ports.Idempotency.ClaimKey(c.Context(), k.id, k.request, owner, onceLease)
		case err != nil:
			return false, err
		case !bytes.Equal(kept.Request, k.request):
			return false, &relay.Error{
				Code: relay.CodeKeyReused, Message: "this Idempotency-Key was used for another request",
				Hint: "use a new key for each request, and the same key only to send the same request again",
			}
		case kept.Status > 0:
			return false, k.give(c, kept)
		case !kept.Alive && repeatable(r):
			if mine, err := s.opts.Ports.Idempotency.TakeKey(c.Context(), k.id, owner, onceLease); mine || err != nil {
				return mine, err
			}
		case !kept.Alive:
			return false, &relay.Error{
				Code: relay.CodeConflict, Message: "edrelay died while it worked this request, so it may be done or not",
				Hint: "look whether it is done; if not, send it again with a new Idempotency-Key",
			}
		case time.Now().After(deadline):
			return false, &relay.Error{Code: relay.CodeConflict, Message: "this request is still being worked", Hint: "send it again a little later, with the same key"}
		}
		select {
		case <-c.Context().Done():
			return false, c.Context().Err()
		case <-s.stop:
			return false, relay.Errorf(relay.CodeUnavailable, "edrelay is stopping")
		case <-time.After(onceLook):
		}
	}
}

// repeatable tells whether doing it twice is the same as doing it once.
func repeatable(r route) bool { return r.method != fiber.MethodPost }

func (k onceKey) give(c fiber.Ctx, kept relay.KeptAnswer) error {
	body, err := k.opened(kept.Answer)
	if err != nil {
		return err
	}
	c.Set(headerReplayed, "true")
	c.Set(fiber.HeaderContentType, kept.Media)
	return c.Status(kept.Status).Send(body)
}

func (k onceKey) cipher() cipher.AEAD {
	block, err := aes.NewCipher(k.seal[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES is a cipher of 128 bits
	}
	return sealer
}

func (k onceKey) sealed(body []byte) []byte { return k.cipher().Seal(nil, nil, body, k.request) }

func (k onceKey) opened(sealed []byte) ([]byte, error) {
	return k.cipher().Open(nil, nil, sealed, k.request)
}
