package ingress_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
)

func TestADoorThatIsAboutToCloseStillAnswersAndSaysGoodBye(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := source.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	door, err := ingress.New(ingress.Options{Listener: listener, Sources: sources, Publish: noLog{}, LameDuck: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- door.Run(ctx) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	if answer := ask(t, conn, reader); answer.Close {
		t.Fatal("the connection is not kept while the door is open")
	}
	end()
	for answer := ask(t, conn, reader); !answer.Close; answer = ask(t, conn, reader) {
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ask sends one request on a kept connection; the test fails when there is no answer.
func ask(t *testing.T, conn net.Conn, reader *bufio.Reader) *http.Response {
	t.Helper()
	if _, err := conn.Write([]byte("POST /webhooks/in/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer
}

type noLog struct{ source.Publisher }
