package lmssim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

const (
	leeway    = time.Second // on a JWT's expiry
	audience  = "openedx"
	jwtIssuer = "http://lms-sim/oauth2"
)

// signer signs and checks JWTs.
type signer struct {
	secret []byte
	once   sync.Once
	key    *rsa.PrivateKey // made when the first RS512 token is asked for
	err    error
}

func (s *signer) rsaKey() (*rsa.PrivateKey, error) {
	s.once.Do(func() { s.key, s.err = rsa.GenerateKey(rand.Reader, 2048) })
	return s.key, s.err
}

func (s *signer) sign(claims jwt.MapClaims, asymmetric bool) (string, error) {
	if !asymmetric {
		return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.secret)
	}
	key, err := s.rsaKey()
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.SigningMethodRS512, claims).SignedString(key)
}

// check gives the claims of a JWT of this platform that has not expired.
func (s *signer) check(value string, now time.Time) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(value, claims, func(t *jwt.Token) (any, error) {
		switch t.Method {
		case jwt.SigningMethodHS256:
			return s.secret, nil
		case jwt.SigningMethodRS512:
			key, err := s.rsaKey()
			if err != nil {
				return nil, err
			}
			return &key.PublicKey, nil
		default:
			return nil, errors.New("unknown algorithm")
		}
	}, jwt.WithLeeway(leeway), jwt.WithTimeFunc(func() time.Time { return now }),
		jwt.WithAudience(audience), jwt.WithIssuer(jwtIssuer), jwt.WithExpirationRequired())
	return claims, err
}

// claims are what the platform writes into a JWT.
func (s *Server) claims(c *call, client Client, t token) jwt.MapClaims {
	var owner campus.User
	s.campus.Read(func(tx *campus.Tx) { owner, _ = tx.User(client.Owner) })
	subject := sha256.Sum256([]byte("anonymous id of " + owner.Username))
	claims := jwt.MapClaims{
		"aud":                audience,
		"exp":                t.Expires.Unix(),
		"grant_type":         client.Grant,
		"iat":                c.now.Unix(),
		"iss":                jwtIssuer,
		"preferred_username": owner.Username,
		"scopes":             t.scopes,
		"version":            "1.2.0",
		"sub":                hex.EncodeToString(subject[:16]),
		"filters":            []string{},
		"is_restricted":      client.Restricted,
		"email_verified":     owner.Active,
	}
	if slices.Contains(t.scopes, "user_id") {
		claims["user_id"] = owner.ID
	}
	if slices.Contains(t.scopes, "email") {
		claims["email"] = owner.Email
	}
	if slices.Contains(t.scopes, "profile") {
		given, family, _ := strings.Cut(owner.Name, " ")
		claims["name"], claims["given_name"], claims["family_name"] = owner.Name, given, family
		claims["administrator"], claims["superuser"] = owner.Staff, owner.Superuser
	}
	return claims
}
