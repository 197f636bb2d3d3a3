package ingress

import (
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/enrollment"
	"github.com/edrelay/edrelay/services/ingress/source/lernito"
	"github.com/edrelay/edrelay/services/ingress/source/openedx"
	"github.com/edrelay/edrelay/services/ingress/source/shopify"
	"github.com/edrelay/edrelay/services/ingress/source/woocommerce"
)

// Kinds lists every kind of source. Adding one is its folder and a line here.
func Kinds() []source.Kind {
	return []source.Kind{
		shopify.Kind(),
		woocommerce.Kind(),
		lernito.Kind(),
		enrollment.Kind(),
		openedx.Kind(),
	}
}
