package console

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// route is one operation of the REST API: what answers it and what the OpenAPI document says of it.
type route struct {
	method  string
	path    string // below /api/v1, parameters as {name}
	role    relay.Role
	tag     string
	summary string
	about   string
	query   []param
	body    any    // zero value of the request body's type; nil for none
	answer  any    // zero value of the answer's type; nil for no content
	list    bool   // the answer is a page of rows of that type
	media   string // of the answer; "" is application/json
	status  int    // of success; 0 is 200
	handle  fiber.Handler
}

const apiPrefix = "/api/v1"

func (s *Service) api() {
	s.routes = s.allRoutes()
	document := s.document()
	s.app.Get(apiPrefix+"/openapi.json", func(c fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "application/json")
		return c.Send(document)
	})
	if s.opts.AsyncAPI != nil {
		s.app.Get(apiPrefix+"/asyncapi.json", func(c fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, "application/json")
			return c.Send(s.opts.AsyncAPI)
		})
	}
	group := s.app.Group(apiPrefix, s.authenticate)
	for _, r := range s.routes {
		group.Add([]string{r.method}, fiberPath(r.path), s.guarded(r))
	}
	s.refuseOtherMethods(group)
	group.Use(func(fiber.Ctx) error { return relay.Errorf(relay.CodeNotFound, "no such resource") })
}

// allRoutes is the one list of what the API can do.
func (s *Service) allRoutes() []route {
	var all []route
	for _, add := range []func() []route{
		s.storyRoutes, s.webhookRoutes, s.enrollmentRoutes, s.sourceRoutes, s.streamRoutes, s.publishRoutes, s.eventRoutes, s.keyRoutes, s.auditRoutes, s.operationRoutes, s.replayRoutes, s.natsUserRoutes, s.subscriptionRoutes, s.deliveryRoutes, s.filterRoutes,
		s.tokenRoutes, s.clientRoutes, s.rosterRoutes, s.learnerRoutes,
	} {
		all = append(all, add()...)
	}
	return all
}

// guarded checks the role and the query's names, answers, and writes the audit trail of everything that changes.
func (s *Service) guarded(r route) fiber.Handler {
	return func(c fiber.Ctx) error {
		if who := operator(c); !who.Role.Allows(r.role) {
			s.refused(c, who, r.method+" "+apiPrefix+r.path, targetOf(c, r.path), http.StatusForbidden)
			return &relay.Error{
				Code: relay.CodeForbidden, Message: "this needs the role " + string(r.role),
				Hint: "use a key with that role, or the admin token",
			}
		}
		if err := checkQuery(c, r.query); err != nil {
			return err
		}
		c.Set(fiber.HeaderCacheControl, "no-store")
		if r.method == http.MethodGet {
			return r.handle(c)
		}
		if s.opts.Ports.Idempotency != nil && c.Get(headerKey) != "" {
			return s.once(c, r)
		}
		return s.audited(c, r)
	}
}

// refuseOtherMethods says which methods a resource understands.
func (s *Service) refuseOtherMethods(group fiber.Router) {
	methods := map[string][]string{}
	for _, r := range s.routes {
		methods[fiberPath(r.path)] = append(methods[fiberPath(r.path)], r.method)
	}
	for path, known := range methods {
		group.All(path, func(c fiber.Ctx) error { return otherMethod(c, known...) })
	}
}

func otherMethod(c fiber.Ctx, known ...string) error {
	c.Set(fiber.HeaderAllow, strings.Join(known, ", "))
	return &relay.Error{
		Code: relay.CodeMethod, Message: "this resource does not understand the method", Hint: "it understands " + strings.Join(known, ", "),
	}
}

// knowMethod answers what Fiber would answer with a bare 501 as everything else is: no route and no middleware sees it.
func (s *Service) knowMethod(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	known := s.app.Config().RequestMethods
	return func(r *fasthttp.RequestCtx) {
		if slices.Contains(known, string(r.Method())) {
			next(r)
			return
		}
		c := s.app.AcquireCtx(r)
		defer s.app.ReleaseCtx(c)
		_ = s.problem(c, &relay.Error{
			Code: relay.CodeUnknownMethod, Message: "this method is not known", Hint: apiPrefix + "/openapi.json says what each resource understands",
		})
	}
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

func fiberPath(path string) string { return pathParam.ReplaceAllString(path, ":$1") }
