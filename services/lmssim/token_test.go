package lmssim_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

const tokenPath = "/oauth2/access_token"

func TestTokenEndpointIssuesOpaqueTokensAndJWTs(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	for _, c := range []struct {
		path, kind, header, wantType string
		wantTTL                      float64
	}{
		{tokenPath, "", "", "Bearer", 36000},
		{tokenPath + "/", "bearer", "jwt", "Bearer", 36000},
		{tokenPath, "jwt", "", "JWT", 3600},
		{tokenPath + "/", "JWT", "", "JWT", 3600},
		{tokenPath, "", "Jwt", "JWT", 3600},
	} {
		form := tokenForm(c.kind)
		if c.kind == "" {
			form.Del("token_type")
		}
		a := p.form(c.path, form, "X-Token-Type", c.header)
		v := a.json(t)
		if a.status != 200 || v["token_type"] != c.wantType || v["expires_in"] != c.wantTTL || v["scope"] != "read write email profile" {
			t.Errorf("%+v: %d %s", c, a.status, a.body)
		}
		if _, refresh := v["refresh_token"]; refresh || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
			t.Errorf("%+v: %v %s", c, a.header, a.body)
		}
	}
}

func TestTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddClient(lmssim.Client{ID: "web", Secret: "w", Owner: "worker", Grant: "authorization-code"}))
	for name, c := range map[string]struct {
		change url.Values
		status int
		code   string
	}{
		"unknown client": {url.Values{"client_id": {"who"}}, 401, "invalid_client"},
		"wrong secret":   {url.Values{"client_secret": {"x"}}, 401, "invalid_client"},
		"no grant":       {url.Values{"grant_type": nil}, 400, "unsupported_grant_type"},
		"unknown grant":  {url.Values{"grant_type": {"magic"}}, 400, "unsupported_grant_type"},
		"other grant":    {url.Values{"client_id": {"web"}, "client_secret": {"w"}}, 400, "unauthorized_client"},
		"password":       {url.Values{"grant_type": {"password"}}, 400, "unauthorized_client"},
		"bad scope":      {url.Values{"scope": {"read destroy"}}, 400, "invalid_scope"},
		"scope not his":  {url.Values{"scope": {"user_id"}}, 400, "invalid_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := tokenForm("jwt")
			for k, v := range c.change {
				form[k] = v
			}
			a := p.form(tokenPath, form)
			if a.status != c.status || string(a.body) != `{"error":"`+c.code+`"}` {
				t.Errorf("%d %s", a.status, a.body)
			}
			challenge := a.header.Get("WWW-Authenticate")
			if (c.status == 401) != (challenge == `Bearer error="invalid_client"`) {
				t.Errorf("challenge %q", challenge)
			}
		})
	}
	body, _ := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": "edrelay", "client_secret": "s3cret"})
	if a := p.do("POST", tokenPath, "application/json", string(body)); a.status != 400 || string(a.body) != `{"error":"unsupported_grant_type"}` {
		t.Errorf("json: %d %s", a.status, a.body)
	}
	if a := p.do("GET", tokenPath, "", ""); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

func TestTokenEndpointTakesHTTPBasic(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddClient(lmssim.Client{ID: "a:b", Secret: "p+ä&", Owner: "worker"}))
	form := url.Values{"grant_type": {"client_credentials"}}
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"plain":      {"Basic " + base64.StdEncoding.EncodeToString([]byte("edrelay:s3cret")), 200},
		"encoded":    {"Basic " + base64.StdEncoding.EncodeToString([]byte("a%3Ab:"+url.QueryEscape("p+ä&"))), 200},
		"wrong":      {"Basic " + base64.StdEncoding.EncodeToString([]byte("edrelay:x")), 401},
		"not base64": {"Basic !!!", 401},
	} {
		if a := p.form(tokenPath, form, "Authorization", c.header); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestJWTCarriesTheClaimsOfItsScopes(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddClient(lmssim.Client{ID: "rich", Secret: "r", Owner: "worker", Scopes: []string{"read", "user_id"}}))
	header, claims := readJWT(t, p.token("jwt"))
	if header["alg"] != "HS256" {
		t.Errorf("header %v", header)
	}
	for _, name := range []string{
		"aud", "exp", "grant_type", "iat", "iss", "preferred_username", "scopes", "version", "sub", "filters",
		"is_restricted", "email_verified", "email", "name", "family_name", "given_name", "administrator", "superuser",
	} {
		if _, ok := claims[name]; !ok {
			t.Errorf("no claim %s", name)
		}
	}
	if claims["version"] != "1.2.0" || claims["preferred_username"] != "worker" || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("%v", claims)
	}
	form := tokenForm("jwt")
	form.Set("client_id", "rich")
	form.Set("client_secret", "r")
	form.Set("asymmetric_jwt", "true")
	token, _ := p.form(tokenPath, form).json(t)["access_token"].(string)
	header, claims = readJWT(t, token)
	if _, email := claims["email"]; email || claims["user_id"] == nil || header["alg"] != "RS512" {
		t.Errorf("%v %v", header, claims)
	}
	p.auth = "JWT " + token
	if a := p.bulk("a@x.example"); a.status != 200 {
		t.Errorf("RS512: %d %s", a.status, a.body)
	}
}

func readJWT(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestBadCredentialsAreToldApart(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.addUser(lmssim.User{Username: "idle", Email: "idle@x.example", Staff: true})
	p.addUser(lmssim.User{Username: "locked", Email: "locked@x.example", Staff: true, Active: true, Disabled: true})
	tokenOf := func(owner string) string {
		p.must(p.AddClient(lmssim.Client{ID: owner, Secret: "x", Owner: owner}))
		form := tokenForm("")
		form.Set("client_id", owner)
		form.Set("client_secret", "x")
		token, _ := p.form(tokenPath, form).json(t)["access_token"].(string)
		return token
	}
	jwt := p.token("jwt")
	for name, c := range map[string]struct{ header, want string }{
		"none":             {"", `{"detail":"Authentication credentials were not provided."}`},
		"basic":            {"Basic eDp5", `{"detail":"Authentication credentials were not provided."}`},
		"unknown":          {"Bearer nothing", "token_nonexistent"},
		"no token":         {"Bearer", "token_not_provided"},
		"two tokens":       {"Bearer a b", "token_malformed"},
		"JWT as bearer":    {"Bearer " + jwt, "token_nonexistent"},
		"bearer as JWT":    {"JWT " + p.token(""), "detail"},
		"tampered JWT":     {"JWT " + jwt[:len(jwt)-3] + "AAA", "detail"},
		"JWT without":      {"JWT", "detail"},
		"unsigned":         {"JWT eyJhbGciOiJub25lIn0." + strings.Split(jwt, ".")[1] + ".", "detail"},
		"not activated":    {"Bearer " + tokenOf("idle"), "user_not_active"},
		"disabled account": {"Bearer " + tokenOf("locked"), "user_is_disabled"},
	} {
		p.auth = c.header
		a := p.bulk("a@x.example")
		if a.status != 401 || !strings.Contains(string(a.body), c.want) || a.header.Get("WWW-Authenticate") != `JWT realm="api"` {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if n := len(p.State().Allowances); n != 0 {
		t.Errorf("%d allowances", n)
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{TokenTTL: lmssim.Duration(10 * time.Second), JWTTTL: lmssim.Duration(10 * time.Second)})
	opaque, jwt := "Bearer "+p.token(""), "JWT "+p.token("jwt")
	check := func(auth string, want int) {
		t.Helper()
		p.auth = auth
		if a := p.bulk("a@x.example"); a.status != want {
			t.Errorf("%.6s: %d %s, want %d", auth, a.status, a.body, want)
		}
	}
	p.clock.Move(9 * time.Second)
	check(opaque, 200)
	check(jwt, 200)
	p.clock.Move(time.Second)
	check(opaque, 401)
	check(jwt, 200) // one second of leeway
	p.clock.Move(2 * time.Second)
	check(jwt, 401)
	if n := p.Stats().ExpiredTokenCalls; n != 2 {
		t.Errorf("%d calls with an expired token", n)
	}
	if a := p.bulk("a@x.example"); !strings.Contains(string(a.body), "expired") {
		t.Errorf("%s", a.body)
	}
}

func TestRestrictedClientsGetOpaqueTokensThatAreOver(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker", Restricted: true}))
	v := p.form(tokenPath, tokenForm("")).json(t)
	if v["expires_in"].(float64) >= 0 {
		t.Errorf("expires_in %v", v["expires_in"])
	}
	p.auth = "Bearer " + v["access_token"].(string)
	if a := p.bulk("a@x.example"); a.status != 401 || !strings.Contains(string(a.body), "token_expired") {
		t.Errorf("%d %s", a.status, a.body)
	}
	p.auth = "JWT " + p.token("jwt")
	if a := p.bulk("a@x.example"); a.status != 200 {
		t.Errorf("JWT: %d %s", a.status, a.body)
	}
}

func TestOpaqueTokensCanBeRevokedAndJWTsCannot(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	opaque, jwt := p.token(""), p.token("jwt")
	revoke := func(token, secret string) int {
		return p.form("/oauth2/revoke_token/", url.Values{"client_id": {"edrelay"}, "client_secret": {secret}, "token": {token}}).status
	}
	if got := []int{revoke(opaque, "wrong"), revoke("", "s3cret"), revoke("unknown", "s3cret")}; !slices.Equal(got, []int{401, 400, 200}) {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		scheme, token string
		after         int
	}{{"Bearer ", opaque, 401}, {"JWT ", jwt, 200}} {
		p.auth = c.scheme + c.token
		before := p.bulk("a@x.example").status
		if status := revoke(c.token, "s3cret"); before != 200 || status != 200 {
			t.Errorf("%s: %d %d", c.scheme, before, status)
		}
		if a := p.bulk("a@x.example"); a.status != c.after {
			t.Errorf("%s after: %d", c.scheme, a.status)
		}
	}
}

func TestTokenCallsAreLimitedPerAddress(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	first := http.StatusOK
	for range 119 { // newPlatform took one
		if a := p.do("GET", tokenPath, "", ""); a.status != 405 {
			t.Fatalf("%d", a.status)
		}
	}
	a := p.form(tokenPath, tokenForm(""))
	if a.status != 429 || !isHTML(a) || a.header.Get("Retry-After") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	p.must(p.Configure(lmssim.Settings{LegacyRateLimit: true}))
	if a := p.form(tokenPath, tokenForm("")); a.status != 403 || !isHTML(a) {
		t.Errorf("legacy: %d", a.status)
	}
	p.clock.Move(time.Minute)
	if a := p.form(tokenPath, tokenForm("")); a.status != first {
		t.Errorf("a minute later: %d", a.status)
	}
	p.must(p.Configure(lmssim.Settings{ThrottleOff: true}))
	for range 130 {
		if a := p.form(tokenPath, tokenForm("")); a.status != 200 {
			t.Fatalf("off: %d", a.status)
		}
	}
}

func TestExpiredOnDemandATokenIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	for _, auth := range []string{p.auth, "JWT " + p.token("jwt")} {
		p.auth = auth
		p.ExpireTokens()
		if a := p.bulk("a@x.example"); a.status != 401 {
			t.Errorf("%.6s: %d", auth, a.status)
		}
	}
}
