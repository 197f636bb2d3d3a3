package demo

import (
	"fmt"

	"github.com/edrelay/edrelay/services/lmssim"
	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// The world of the demo.
const (
	shopDomain    = "demo.myshopify.com"
	shopifySecret = "the-demo-shop-signs-with-this"
	wooSource     = "https://shop.example/"
	wooSecret     = "the-other-shop-signs-with-this"
	lernitoSecret = "the-partner-signs-with-this"
	pluginUser    = "openedx"
	pluginSecret  = "the-plugin-comes-in-with-this"
	clientID      = "edrelay"
	clientSecret  = "edrelay-asks-for-tokens-with-this"

	goCourse  = "course-v1:Demo+Go101+2026"
	sqlCourse = "course-v1:Demo+SQL+2026"
	goSKU     = "GO-101"

	ada   = "ada@learner.example"
	grace = "grace@learner.example"
	linus = "linus@learner.example"
)

const configText = `data_dir: %s
http: { addr: %q }
admin: { addr: %q, token: %q }
nats: { embedded: { addr: %q } }
log: { format: text }
lms:
  url: %s
  client_id: %s
  client_secret: %s
  sku_prefix: sku/
sources:
  - { name: shopify, kind: shopify, shop_domain: %s, secrets: [%s] }
  - { name: woocommerce, kind: woocommerce, source: %q, secrets: [%s] }
  - { name: lernito, kind: lernito, secrets: [%s] }
  - { name: enrollment, kind: enrollment }
  - { name: openedx, kind: openedx, username: %s, password: %s }
notifier: { allow_networks: [127.0.0.0/8] }
`

// world is what the simulated Open edX holds before the first order: two courses, a learner with an account, the
// service user that edrelay acts as, and a redirect from a shop's SKU to a course.
func world() lmssim.State {
	return lmssim.State{
		Snapshot: campus.Snapshot{
			Courses: []lmssim.Course{{Key: goCourse, Name: "Go for gophers"}, {Key: sqlCourse, Name: "SQL by heart"}},
			Users: []lmssim.User{
				{Username: "edrelay", Email: "edrelay@lms.example", Active: true, Staff: true},
				{Username: "ada", Email: ada, Name: "Ada", Active: true},
			},
		},
		Clients:   []lmssim.Client{{ID: clientID, Secret: clientSecret, Owner: "edrelay"}},
		Redirects: []lmssim.Redirect{{Path: "/sku/" + goSKU, Target: "/courses/" + goCourse + "/about"}},
	}
}

// enrolled tells whether the LMS has the learner's account in the course.
func (st *stage) enrolled(username, course string) bool {
	for _, e := range st.lms.State().Enrollments {
		if e.User == username && e.Course == course && e.Active {
			return true
		}
	}
	return false
}

// allowed tells whether the LMS lets the address into the course once it has an account.
func (st *stage) allowed(email, course string) bool {
	for _, a := range st.lms.State().Allowances {
		if a.Email == email && a.Course == course && a.AutoEnroll {
			return true
		}
	}
	return false
}

func shopifyOrder(id int64, email, sku string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"name":"#%d","financial_status":"paid","created_at":"2026-01-15T10:00:00Z","updated_at":"2026-01-15T10:00:00Z",`+
		`"customer":{"id":1,"email":"buyer@company.example","first_name":"Bea","last_name":"Buyer"},`+
		`"line_items":[{"id":%d,"sku":%q,"quantity":1,"title":"Go for gophers","properties":[{"name":"email","value":%q}]}]}`,
		id, id, id+1, sku, email)
}

func wooOrder(id int64, email, sku string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"number":"%d","status":"completed","date_modified_gmt":"2026-01-15T10:00:00","date_paid_gmt":"2026-01-15T10:00:00",`+
		`"billing":{"email":"buyer@company.example","first_name":"Bea","last_name":"Buyer"},`+
		`"line_items":[{"id":%d,"sku":%q,"quantity":1,"name":"SQL by heart","meta_data":[{"id":1,"key":"_alg_wc_pif_global",`+
		`"value":[{"type":"email","title":"E-mail of the learner","_value":%q}]}]}]}`,
		id, id, id+1, sku, email)
}

// register makes the account that a learner makes for herself.
func (st *stage) register(username, email string) error {
	_, err := st.lms.AddUser(lmssim.User{Username: username, Email: email, Active: true})
	return err
}

// bulkCalls counts the calls of the bulk enrolment endpoint so far.
func (st *stage) bulkCalls() int { return len(st.lms.Requests(lmssim.EndpointBulk)) }
