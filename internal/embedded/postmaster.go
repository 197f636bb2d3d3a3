package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second // crash recovery replays the write-ahead log first
	fastTimeout  = 20 * time.Second
	lookEvery    = 10 * time.Millisecond
	remnantWait  = 200 * time.Millisecond
)

// postmaster is the running server process.
type postmaster struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when the process has ended
	log   *serverLog
	stopS syscall.Signal
}

// startPostmaster starts the server and waits until it takes connections.
func startPostmaster(ctx context.Context, c cluster, log *slog.Logger) (*postmaster, error) {
	out, err := openServerLog(c.log)
	if err != nil {
		return nil, err
	}
	defer out.file.Close()
	p := &postmaster{done: make(chan struct{}), log: out, stopS: syscall.SIGINT}
	if c.throwaway {
		p.stopS = syscall.SIGQUIT
	}
	p.cmd = c.as(c.program(exec.Command(c.command("postgres"), c.settings()...)))
	p.cmd.Stdout, p.cmd.Stderr = out.file, out.file
	p.cmd.SysProcAttr.Setpgid = true // a Ctrl-C at the terminal is ours to pass on, after our own connections have ended
	diesWithParent(p.cmd.SysProcAttr, p.stopS)
	if err := p.run(); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	if err := p.awaitReady(ctx, c); err != nil {
		p.stop()
		return nil, err
	}
	log.Debug("postgres ready", "pid", p.pid(), "version", c.major, "dir", c.home)
	return p, nil
}

// startPastRemnants is startPostmaster that tries again while children of a killed server end.
func startPastRemnants(ctx context.Context, c cluster, log *slog.Logger) (*postmaster, error) {
	deadline := time.Now().Add(startTimeout)
	for {
		p, err := startPostmaster(ctx, c, log)
		if !errors.Is(err, errRemnant) || time.Now().After(deadline) {
			return p, err
		}
		if pause(ctx, remnantWait) != nil {
			return nil, err
		}
	}
}

// run starts the process on a thread of its own that lives as long as the process: the kernel's signal at the death
// of a parent is tied to the thread that forked.
func (p *postmaster) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.done)
		}
	}()
	return <-started
}

func (p *postmaster) pid() int { return p.cmd.Process.Pid }

func (p *postmaster) awaitReady(ctx context.Context, c cluster) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if file, err := readPidFile(c.data); err == nil && file.pid == p.pid() && file.ready {
			return nil
		}
		select {
		case <-p.done:
			return p.log.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for Postgres: %w", ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

// stop ends the process, harder each time that it doesn't follow.
func (p *postmaster) stop() {
	for _, sig := range []syscall.Signal{p.stopS, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = p.cmd.Process.Signal(sig)
		select {
		case <-p.done:
			return
		case <-time.After(fastTimeout):
		}
	}
	<-p.done
}
