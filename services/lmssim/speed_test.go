package lmssim_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

func benchSim(b *testing.B) (*lmssim.Server, string) {
	b.Helper()
	sim := lmssim.New(lmssim.Options{Settings: lmssim.Settings{ThrottleOff: true}})
	if _, err := sim.AddUser(lmssim.User{Username: "w", Email: "w@x.example", Active: true, Staff: true}); err != nil {
		b.Fatal(err)
	}
	if err := sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "w"}); err != nil {
		b.Fatal(err)
	}
	if err := sim.AddCourse(lmssim.Course{Key: course}); err != nil {
		b.Fatal(err)
	}
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(record(sim, tokenPath, tokenForm("jwt").Encode(), ""), &token); err != nil {
		b.Fatal(err)
	}
	return sim, "JWT " + token.Token
}

// BenchmarkBulk measures one bulk call, without the network, for one learner and for a hundred.
func BenchmarkBulk(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			sim, auth := benchSim(b)
			names := make([]string, size)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				for i := range names {
					names[i] = fmt.Sprintf("learner%d@x.example", (n*size+i)%10_000)
				}
				n++
				form := url.Values{"action": {"enroll"}, "auto_enroll": {"True"}, "courses": {course}, "identifiers": {strings.Join(names, ",")}}
				if got := record(sim, bulkPath, form.Encode(), auth); got[0] != '{' {
					b.Fatalf("%s", got)
				}
			}
		})
	}
}
