package drill

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
)

// nginx runs the real program with the snippet of deploy/nginx in the server block of an LMS, before the door.
func nginx(t testing.TB, door string) (addr string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	snippet, err := os.ReadFile("../../../deploy/nginx/edrelay.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	for name, text := range map[string]string{
		"edrelay.conf": strings.ReplaceAll(string(snippet), "127.0.0.1:8080", door),
		"nginx.conf": fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; include %[1]s/edrelay.conf; location / { return 200 "the LMS"; } }
}`, dir, freeAddrInto(t, &addr)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(program, "-t", "-c", filepath.Join(dir, "nginx.conf")).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "-c", filepath.Join(dir, "nginx.conf"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	await(t, "nginx does not answer", 20*time.Second, func() bool { return answers("http://"+addr+"/", 200) })
	return addr
}

func freeAddrInto(t testing.TB, addr *string) string {
	*addr = embeddedtest.FreeAddr(t)
	return *addr
}

func TestTheDoorStandsUnderTheHostOfTheLMS(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.up()
	front := "http://" + nginx(t, s.door)
	if status := send(http.DefaultClient, front, 7); status != 200 {
		t.Errorf("a signed order through nginx: %d", status)
	}
	forged := order(front, 8)
	forged.Header.Set("X-Shopify-Hmac-Sha256", "Zm9yZ2Vk")
	if answer, err := http.DefaultClient.Do(forged); err != nil || answer.StatusCode != 403 {
		t.Errorf("a forged order through nginx: %v, %v", answer, err)
	}
	if !answers(front+"/dashboard", 200) || !answers(front+"/oauth2/access_token", 200) {
		t.Error("the snippet takes paths of the LMS")
	}
	await(t, "the order is not seen", 30*time.Second, func() bool { return len(rows[relay.Webhook](s, "/webhooks")) > 0 })
}
