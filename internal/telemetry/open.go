package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Options say where spans go. The standard variables win where they are set: OTEL_EXPORTER_OTLP_ENDPOINT and the others of
// the exporter, OTEL_TRACES_SAMPLER(_ARG), OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_SDK_DISABLED.
type Options struct {
	Endpoint string  // of the collector, such as http://127.0.0.1:4318; /v1/traces is put behind it. Empty, without a variable: off
	Sample   float64 // share of the traces begun here that are kept, 0 to 1; one that a sender began is kept where the sender keeps it
	Version  string
	Log      *slog.Logger
}

// Exporter sends what a Tracer makes.
type Exporter struct {
	Tracer   *Tracer // nil when no traces are wanted
	queue    *queue
	provider *sdk.TracerProvider
}

// closeWithin is how long the end of a process may wait for a collector.
const closeWithin = 3 * time.Second

// Open makes an Exporter. It waits for no collector. The error is of a wrong setting.
func Open(o Options) (*Exporter, error) {
	if !wanted(o.Endpoint) {
		return &Exporter{queue: &queue{}}, nil
	}
	client, err := otlptracehttp.New(context.Background(), exporterOptions(o.Endpoint)...)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(context.Background(),
		resource.WithAttributes(semconv.ServiceName("edrelay"), semconv.ServiceVersion(o.Version)), resource.WithHost(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, err
	}
	q := newQueue(client, o.Log)
	options := []sdk.TracerProviderOption{sdk.WithSpanProcessor(q), sdk.WithResource(about)}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		options = append(options, sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))))
	}
	provider := sdk.NewTracerProvider(options...)
	return &Exporter{Tracer: New(provider), queue: q, provider: provider}, nil
}

// Close sends what waits, as long as that may take, and ends.
func (e *Exporter) Close() {
	if e.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = e.provider.Shutdown(ctx) // what could not be sent is counted as dropped and logged
}

func wanted(endpoint string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return endpoint != "" || endpointSet()
}

func endpointSet() bool {
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func exporterOptions(endpoint string) []otlptracehttp.Option {
	// The queue is the only place where spans wait: what one call does not get through is given up and counted.
	options := []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})}
	if !endpointSet() {
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	}
	return options
}

// CheckEndpoint tells whether text can be Options.Endpoint.
func CheckEndpoint(text string) error {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.RawQuery != "" || at.User != nil {
		return errors.New("an address such as http://127.0.0.1:4318 is wanted")
	}
	return nil
}
