package natsauth

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ServerConfig gives the configuration file of an external nats-server that trusts this authority and keeps its
// streams in storeDir: every acknowledged write fsynced, messages up to 4 MiB, nobody anonymous. Accounts made later
// are announced to the running server and kept in storeDir/accounts.
func (a *Authority) ServerConfig(listen, storeDir string) (string, error) {
	operator, err := a.Operator()
	if err != nil {
		return "", err
	}
	token, err := operator.Encode(a.operator)
	if err != nil {
		return "", fmt.Errorf("sign the operator: %w", err)
	}
	accounts, err := a.Accounts()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "listen: %q\nmax_payload: 4MB\n", listen)
	fmt.Fprintf(&text, "jetstream { store_dir: %q, sync_interval: always }\n", storeDir)
	fmt.Fprintf(&text, "operator: %s\nsystem_account: %s\n", token, a.SystemAccount())
	fmt.Fprintf(&text, "resolver { type: full, dir: %q, allow_delete: false, interval: \"2m\" }\n", storeDir+"/accounts")
	text.WriteString("resolver_preload: {\n")
	for _, key := range slices.Sorted(maps.Keys(accounts)) {
		fmt.Fprintf(&text, "  %s: %s\n", key, accounts[key])
	}
	text.WriteString("}\n")
	return text.String(), nil
}
