package lmssim

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// ClientCredentials is the grant of a service.
const ClientCredentials = "client-credentials"

// Client is one OAuth2 application; its tokens act as its owner.
type Client struct {
	ID         string   `json:"id"`
	Secret     string   `json:"secret"`
	Owner      string   `json:"owner"`                // username
	Grant      string   `json:"grant,omitempty"`      // ClientCredentials when empty; "password", "authorization-code"
	Scopes     []string `json:"scopes,omitempty"`     // read, write, email, profile when empty; may add user_id
	Restricted bool     `json:"restricted,omitempty"` // its opaque tokens are born expired
}

func defaultScopes() []string { return []string{"read", "write", "email", "profile"} }

// granted gives the scopes of a token for which none were asked.
func (c Client) granted() []string {
	var granted []string
	for _, scope := range append(defaultScopes(), "user_id") {
		if slices.Contains(c.Scopes, scope) {
			granted = append(granted, scope)
		}
	}
	return granted
}

type clients struct {
	mu   sync.RWMutex
	byID map[string]Client
}

func (c *clients) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID = map[string]Client{}
}

func (c *clients) add(client Client) error {
	if client.ID == "" || client.Secret == "" {
		return fmt.Errorf("add client %q: it needs an id and a secret", client.ID)
	}
	client.Grant = cmp.Or(client.Grant, ClientCredentials)
	if len(client.Scopes) == 0 {
		client.Scopes = defaultScopes()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID[client.ID] = client
	return nil
}

func (c *clients) find(id string) (Client, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	client, ok := c.byID[id]
	return client, ok
}

func (c *clients) list() []Client {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]Client, 0, len(c.byID))
	for _, client := range c.byID {
		all = append(all, client)
	}
	slices.SortFunc(all, func(a, b Client) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
