package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mangrove-dns/mangrove/zones"
)

// While serve runs it holds the store, so the other commands talk to it over a socket in the data directory: HTTP with
// JSON, for the user that serve runs as alone. Without it they do the same work themselves. Both are an operator.

// operator is what the commands ask for. The daemon answers over its socket (controlClient); while none runs, the
// application opened here answers itself (app).
type operator interface {
	Status(ctx context.Context) (*statusReport, error)
	Plan(ctx context.Context, q planQuery) ([]planReport, error)
	Push(ctx context.Context, q planQuery) ([]pushReport, error)
	Reload(ctx context.Context) (*reloadReport, error)
	Forget(ctx context.Context, origin zones.Name) error
	Content(ctx context.Context, q contentQuery) (*contentReport, error)
	History(ctx context.Context, q historyQuery) ([]versionReport, error)
	StoreCheck(ctx context.Context) ([]string, error)
	Backup(ctx context.Context, w io.Writer) error
	Close() error
}

const (
	socketName = "control.sock"
	// maxSocketPath is what sockaddr_un holds on Linux, less the final zero; others have a few bytes less.
	maxSocketPath = 103
)

// errNoDaemon means that nobody listens on the control socket.
var errNoDaemon = errors.New("no mangrove serve runs on this data directory")

// failure is an error on its way through the socket.
type failure struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

func socketPath(dataDir string) (string, error) {
	path := filepath.Join(dataDir, socketName)
	if len(path) > maxSocketPath {
		return "", hinted{fmt.Errorf("control socket %s: the path has %d bytes, %d are the limit of the system", path, len(path), maxSocketPath),
			"start with a shorter --data"}
	}
	return path, nil
}

// controlServer lets the commands reach the daemon.
type controlServer struct {
	listener net.Listener
	handler  http.Handler
	log      *slog.Logger
}

// newControlServer binds the socket. Whoever holds the store may remove a socket that a killed daemon left.
func newControlServer(dataDir string, op operator, log *slog.Logger) (*controlServer, error) {
	path, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// Until then the umask rules, which lets nobody else write, and so connect; and a data directory that we made lets
	// nobody else in.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &controlServer{listener: l, handler: controlHandler(op), log: log}, nil
}

// Run serves until ctx ends; calls in progress get a moment to finish.
func (s *controlServer) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(s.listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

func controlHandler(op operator) http.Handler {
	mux := http.NewServeMux()
	call(mux, "status", func(ctx context.Context, _ struct{}) (*statusReport, error) { return op.Status(ctx) })
	call(mux, "plan", op.Plan)
	call(mux, "push", op.Push)
	call(mux, "reload", func(ctx context.Context, _ struct{}) (*reloadReport, error) { return op.Reload(ctx) })
	call(mux, "forget", func(ctx context.Context, origin string) (struct{}, error) {
		name, err := zones.ParseName(origin)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, op.Forget(ctx, name)
	})
	call(mux, "content", op.Content)
	call(mux, "history", op.History)
	call(mux, "store-check", func(ctx context.Context, _ struct{}) ([]string, error) { return op.StoreCheck(ctx) })
	mux.HandleFunc("POST /v1/backup", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Trailer", "Error")
		if err := op.Backup(r.Context(), w); err != nil {
			w.Header().Set("Error", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	})
	return mux
}

// call adds POST /v1/NAME: a JSON value in, a JSON value out, a failure where do returns an error.
func call[In, Out any](mux *http.ServeMux, name string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil {
			reply(w, http.StatusBadRequest, failure{Error: "request: " + err.Error()})
			return
		}
		out, err := do(r.Context(), in)
		if err != nil {
			f := failure{Error: err.Error()}
			var h hinted
			if errors.As(err, &h) {
				f.Hint = h.hint
			}
			reply(w, http.StatusUnprocessableEntity, f)
			return
		}
		reply(w, http.StatusOK, out)
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Writing fails when the command has gone away; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(v)
}

// controlClient is the daemon as an operator.
type controlClient struct{ http http.Client }

// dialDaemon returns the daemon that holds dataDir; errNoDaemon where none answers.
func dialDaemon(ctx context.Context, dataDir string) (*controlClient, error) {
	path, err := socketPath(dataDir)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	probe, err := dial(ctx, "", "")
	if errors.Is(err, os.ErrPermission) {
		return nil, hinted{fmt.Errorf("control socket: %w", err), "run the command as the user that mangrove serve runs as"}
	}
	if err != nil {
		return nil, errNoDaemon
	}
	probe.Close()
	return &controlClient{http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

func (c *controlClient) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func (c *controlClient) post(ctx context.Context, name string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://mangrove/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("mangrove serve: %w", err)
	}
	return resp, nil
}

func ask[Out any](ctx context.Context, c *controlClient, name string, in any) (out Out, err error) {
	resp, err := c.post(ctx, name, in)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var f failure
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Error == "" {
			return out, fmt.Errorf("mangrove serve: %s; is it of another version?", resp.Status)
		}
		if f.Hint != "" {
			return out, hinted{errors.New(f.Error), f.Hint}
		}
		return out, errors.New(f.Error)
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("mangrove serve: answer to %s: %w", name, err)
	}
	return out, nil
}

func (c *controlClient) Status(ctx context.Context) (*statusReport, error) {
	return ask[*statusReport](ctx, c, "status", struct{}{})
}

func (c *controlClient) Plan(ctx context.Context, q planQuery) ([]planReport, error) {
	return ask[[]planReport](ctx, c, "plan", q)
}

func (c *controlClient) Push(ctx context.Context, q planQuery) ([]pushReport, error) {
	return ask[[]pushReport](ctx, c, "push", q)
}

func (c *controlClient) Reload(ctx context.Context) (*reloadReport, error) {
	return ask[*reloadReport](ctx, c, "reload", struct{}{})
}

func (c *controlClient) Forget(ctx context.Context, origin zones.Name) error {
	_, err := ask[struct{}](ctx, c, "forget", origin.String())
	return err
}

func (c *controlClient) Content(ctx context.Context, q contentQuery) (*contentReport, error) {
	return ask[*contentReport](ctx, c, "content", q)
}

func (c *controlClient) History(ctx context.Context, q historyQuery) ([]versionReport, error) {
	return ask[[]versionReport](ctx, c, "history", q)
}

func (c *controlClient) StoreCheck(ctx context.Context) ([]string, error) {
	return ask[[]string](ctx, c, "store-check", struct{}{})
}

func (c *controlClient) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.post(ctx, "backup", struct{}{})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if text := resp.Trailer.Get("Error"); text != "" {
		return fmt.Errorf("backup: %s", text)
	}
	return nil
}
