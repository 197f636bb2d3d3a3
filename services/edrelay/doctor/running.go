package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// sources tests that the declared sources can be made, and that there is one.
func sources(_ context.Context, p Patient) []Finding {
	registry, err := assembly.Sources(p.Config, source.Ports{})
	if err != nil {
		return []Finding{broken("sources", err, "")}
	}
	all := registry.All()
	if len(all) == 0 {
		return []Finding{warning("sources", "none is configured, so no webhook can come in",
			"add one under sources, or set EDRELAY_SHOPIFY_SHOP_DOMAIN and EDRELAY_SHOPIFY_SECRET")}
	}
	var names []string
	for _, one := range all {
		names = append(names, one.Name()+" ("+one.Kind()+")")
	}
	return []Finding{good("sources", strings.Join(names, ", "))}
}

// running asks the running edrelay whether it is ready.
func running(ctx context.Context, p Patient) []Finding {
	const check = "edrelay"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Admin+"/readyz", nil)
	if err != nil {
		return []Finding{bad(check, "the admin address is no URL", "set admin.addr or --server")}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return []Finding{warning(check, "nothing answers at "+p.Admin, "start it with `edrelay up`, or name its admin listener with --server")}
	}
	defer response.Body.Close()
	var answer struct {
		Ready  bool              `json:"ready"`
		Checks map[string]string `json:"checks"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return []Finding{bad(check, fmt.Sprintf("%s answers %d and is no edrelay", p.Admin, response.StatusCode), "name its admin listener with --server")}
	}
	if answer.Ready { // alarms that it tells are examined below
		return []Finding{good(check, "ready at "+p.Admin)}
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(answer.Checks)) {
		if answer.Checks[name] != "ok" {
			wrong = append(wrong, name+": "+answer.Checks[name])
		}
	}
	return []Finding{bad(check, "not ready: "+strings.Join(wrong, "; "), "see what is said of it below, and edrelay's log")}
}
