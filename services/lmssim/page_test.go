package lmssim_test

import (
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

func TestRedirectsComeBeforeEveryViewAndMatchThePathExactly(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	about := "/courses/" + course + "/about"
	for path, target := range map[string]string{
		"/sku/one":           about,
		"/sku/chain":         "/sku/one",
		"/sku/loop":          "/sku/loop",
		"/sku/abroad":        "https://other.example" + about,
		"/sku/relative":      "../courses/" + course + "/about",
		"/sku/encoded":       "/courses/course-v1%3Aorg%2Bcourse%2Brun1/about",
		"/sku/login":         "/login?next=/courses/" + course + "/about",
		"/sku/Zoë":           about,
		"/sku/missing":       "/courses/course-v1:no+such+course/about",
		"/api/bulk_enroll/x": about,
	} {
		p.must(p.AddRedirect(lmssim.Redirect{Path: path, Target: target}))
		for _, method := range []string{"HEAD", "GET"} {
			a := p.do(method, path+"?q=1", "", "")
			if a.status != 301 || a.header.Get("Location") != target || len(a.body) != 0 {
				t.Errorf("%s %s: %d %q", method, path, a.status, a.header.Get("Location"))
			}
		}
		if a := p.do("HEAD", path+"/", "", ""); a.status != 404 {
			t.Errorf("%s/: %d", path, a.status)
		}
	}
	if a := p.do("HEAD", "/sku/Zo%C3%AB", "", ""); a.status != 301 {
		t.Errorf("encoded path: %d", a.status)
	}
	if !p.RemoveRedirect("/sku/one") || p.do("HEAD", "/sku/one", "", "").status != 404 {
		t.Error("a removed redirect still leads somewhere")
	}
}

func TestCoursePagesAnswerAsTheirCourseSays(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{MFEURL: "http://mfe.example"})
	path := "/courses/" + course + "/about"
	for about, want := range map[lmssim.About]struct {
		status   int
		location string
	}{
		"":                  {200, ""},
		lmssim.AboutPage:    {200, ""},
		lmssim.AboutLogin:   {302, "/login?next=%2Fcourses%2Fcourse-v1%3Aorg%2Bcourse%2Brun1%2Fabout"},
		lmssim.AboutMFE:     {302, "http://mfe.example/learning/course/" + course + "/home"},
		lmssim.AboutMissing: {404, ""},
	} {
		p.must(p.AddCourse(lmssim.Course{Key: course, About: about}))
		for _, method := range []string{"HEAD", "GET"} {
			a := p.do(method, path, "", "")
			if a.status != want.status || a.header.Get("Location") != want.location {
				t.Errorf("%s %q: %d %q", method, about, a.status, a.header.Get("Location"))
			}
		}
	}
	for path, want := range map[string]int{
		"/login?next=/x": 200, "/learning/course/" + course + "/home": 200, "/": 404, "/courses/course-v1:a+b+c/about": 404,
	} {
		if a := p.do("GET", path, "", ""); a.status != want || !isHTML(a) {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestCoursesAPIShowsVisibleCoursesToEverybody(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	hidden := "course-v1:org+hidden+run1"
	p.must(p.AddCourse(lmssim.Course{Key: hidden, Hidden: true}))
	for path, want := range map[string]int{
		course: 200, course + "/": 200, "course-v1%3Aorg%2Bcourse%2Brun1": 200, hidden: 404,
		"course-v1:a+b+c": 404, "nonsense": 404, course + "/x": 404,
	} {
		a := p.do("GET", "/api/courses/v1/courses/"+path, "", "")
		if a.status != want {
			t.Errorf("%s: %d", path, a.status)
		}
		if want == 200 && a.json(t)["course_id"] != course {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := p.do("GET", "/api/courses/v1/courses/"+course, "", "", "Authorization", "Bearer x"); a.status != 401 {
		t.Errorf("bad token: %d", a.status)
	}
	if a := p.do("HEAD", "/api/courses/v1/courses/"+course, "", ""); a.status != 200 || len(a.body) != 0 {
		t.Errorf("HEAD: %d", a.status)
	}
}

func TestAccountsAreFoundByAddressForStaff(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	p.addUser(lmssim.User{Email: "gone@x.example", Active: true})
	p.must(p.Retire("gone@x.example"))
	const path = "/api/user/v1/accounts?email="
	if a := p.do("GET", path+learner, "", ""); a.status != 401 {
		t.Errorf("anonymous: %d", a.status)
	}
	a := p.staff("GET", path+"Learner@Example.com", "")
	if a.status != 200 || string(a.body) != `[{"id":2,"username":"learner","email":"learner@example.com","name":"","is_active":true}]` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := p.staff("GET", path+"nobody@x.example", ""); a.status != 404 || len(a.body) != 0 {
		t.Errorf("unknown: %d %s", a.status, a.body)
	}
	if a := p.staff("GET", path+"gone@x.example", ""); a.status != 404 || a.json(t)["error_msg"] == nil {
		t.Errorf("retired: %d %s", a.status, a.body)
	}
	p.must(p.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: username}))
	p.auth = "Bearer " + p.token("")
	if a := p.staff("GET", path+"worker@lms.example", ""); a.status != 404 {
		t.Errorf("another's account: %d", a.status)
	}
	if a := p.staff("GET", path+learner, ""); a.status != 200 {
		t.Errorf("own account: %d", a.status)
	}
}
