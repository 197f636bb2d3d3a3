// Package config reads edrelay's configuration: a YAML file, a .env file, and environment variables that win over
// both. Unknown keys, wrong shapes and missing values are refused with the key, the shape wanted and the line.
package config

import (
	"time"
)

// Config is everything an operator can set. Names are the YAML keys; the environment variable of a key is its path in
// capitals, joined by "_", behind EDRELAY_. Fields tagged secret can also be given as KEY_file.
type Config struct {
	DataDir       string   `yaml:"data_dir"`
	EncryptionKey string   `yaml:"encryption_key" secret:"true"` // 32 bytes, base64: seals secrets in the ledger; `up` makes one
	Log           Log      `yaml:"log"`
	HTTP          HTTP     `yaml:"http"`
	Admin         Admin    `yaml:"admin"`
	NATS          NATS     `yaml:"nats"`
	Database      Database `yaml:"database"`
	LMS           LMS      `yaml:"lms"`
	Sources       []Source `yaml:"-"`
	Bridge        Bridge   `yaml:"bridge"`
	Notifier      Notifier `yaml:"notifier"`
	Telemetry     OTel     `yaml:"telemetry"`
	Shutdown      Shutdown `yaml:"shutdown"`
	Alarm         Alarm    `yaml:"alarm"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json; empty: text on a terminal, json elsewhere
}

// HTTP is the public door.
type HTTP struct {
	Addr           string   `yaml:"addr"`
	URL            string   `yaml:"url"` // where the console reaches the door; default: http.addr
	BodyLimit      Size     `yaml:"body_limit"`
	TrustedProxies []string `yaml:"trusted_proxies"`
}

// Admin is the operators' listener: console, REST API, health and metrics.
type Admin struct {
	Addr  string `yaml:"addr"`
	Token string `yaml:"token" secret:"true"`
}

// NATS is the log. An empty URL means the embedded server, in `up` and `demo` only.
type NATS struct {
	URL             string    `yaml:"url" secret:"true"`
	CredentialsFile string    `yaml:"credentials_file"`
	Replicas        int       `yaml:"replicas"`
	Embedded        Embedded  `yaml:"embedded"`
	Retention       Retention `yaml:"retention"`
}

// Embedded is the NATS server inside `up`.
type Embedded struct {
	Addr string `yaml:"addr"`
	Sync string `yaml:"sync"` // "always", or an interval such as 2m: a 2xx then survives a kill but not a power loss
}

// Retention says how long the log keeps what.
type Retention struct {
	Webhooks      time.Duration `yaml:"webhooks"`
	Rejected      time.Duration `yaml:"rejected"`
	RejectedBytes Size          `yaml:"rejected_bytes"`
	WebhooksBytes Size          `yaml:"webhooks_bytes"` // 0: no limit
	EventsBytes   Size          `yaml:"events_bytes"`   // 0: no limit
	Events        time.Duration `yaml:"events"`
	Deliveries    time.Duration `yaml:"deliveries"`
}

// Database is the ledger. An empty URL means a Postgres that `up` and `demo` start themselves.
type Database struct {
	URL string `yaml:"url" secret:"true"`
}

// LMS is the Open edX site in which learners are enrolled. An empty URL: rows wait.
type LMS struct {
	URL            string          `yaml:"url"`
	ClientID       string          `yaml:"client_id"`
	ClientSecret   string          `yaml:"client_secret" secret:"true"`
	CallsPerMinute int             `yaml:"calls_per_minute"`
	BatchSize      int             `yaml:"batch_size"`
	AutoEnroll     bool            `yaml:"auto_enroll"`
	EmailStudents  bool            `yaml:"email_students"`
	SKUPrefix      string          `yaml:"sku_prefix"`
	Timeout        time.Duration   `yaml:"timeout"`
	Retry          []time.Duration `yaml:"retry"`
	GiveUpAfter    time.Duration   `yaml:"give_up_after"`
	CourseWait     time.Duration   `yaml:"course_wait"`
}

// Source is one configured sender of webhooks. Decode fills the settings of its kind from the rest of its keys.
type Source struct {
	Name   string
	Kind   string
	Decode func(into any) error

	locate func(key string) string // where a key of the settings stands, and its path up to the key
}

// Bridge reads the Open edX event bus.
type Bridge struct {
	Redis Redis `yaml:"redis"`
}

// Redis is the event bus over Redis Streams. An empty URL: no bridge.
type Redis struct {
	URL    string   `yaml:"url" secret:"true"`
	Prefix string   `yaml:"prefix"`
	Topics []string `yaml:"topics"`
	Group  string   `yaml:"group"`
}

// Notifier delivers events and asks filters.
type Notifier struct {
	AllowNetworks []string `yaml:"allow_networks"`
	UserAgent     string   `yaml:"user_agent"`
	Proxy         string   `yaml:"proxy" secret:"true"` // outgoing calls go through it; the environment's proxies are ignored
}

// Alarm says when edrelay speaks up about what runs full or goes astray, long before it has to refuse anything.
type Alarm struct {
	DiskFree    Size          `yaml:"disk_free"`    // less than this on the disk of the data dir
	StreamFull  int           `yaml:"stream_full"`  // percent of a stream's or the NATS account's limit
	StreamBytes Size          `yaml:"stream_bytes"` // more than this in one stream; 0: never
	Clock       time.Duration `yaml:"clock"`        // this far from Postgres' or the NATS server's clock
}

// OTel is where traces go; an empty endpoint: nowhere, unless OTEL_EXPORTER_OTLP_ENDPOINT says where.
type OTel struct {
	Endpoint string  `yaml:"endpoint"` // of a collector that takes OTLP over HTTP
	Sample   float64 `yaml:"sample"`   // share of the traces that are kept, 0 to 1
}

// Shutdown says how a process ends when it is told to.
type Shutdown struct {
	LameDuck time.Duration `yaml:"lame_duck"` // how long listeners go on taking requests after /readyz began to say no
	Timeout  time.Duration `yaml:"timeout"`   // when it ends at the latest, whatever is under way
}

// Default gives the configuration of an empty file.
func Default() *Config {
	day := 24 * time.Hour
	return &Config{
		DataDir: "./data",
		Log:     Log{Level: "info"},
		HTTP:    HTTP{Addr: "127.0.0.1:8080", BodyLimit: 1 << 20},
		Admin:   Admin{Addr: "127.0.0.1:8081"},
		NATS: NATS{
			Replicas: 1,
			Embedded: Embedded{Addr: "127.0.0.1:4222", Sync: "always"},
			Retention: Retention{
				Webhooks: 30 * day, Rejected: 7 * day, RejectedBytes: 256 << 20, Events: 30 * day, Deliveries: 30 * day,
			},
		},
		LMS: LMS{
			CallsPerMinute: 110, BatchSize: 100, AutoEnroll: true, EmailStudents: true, Timeout: 30 * time.Second,
			Retry: []time.Duration{
				time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second,
				30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
			},
			GiveUpAfter: 72 * time.Hour, CourseWait: day,
		},
		Bridge:    Bridge{Redis: Redis{Group: "edrelay"}},
		Notifier:  Notifier{UserAgent: "edrelay"},
		Shutdown:  Shutdown{LameDuck: 500 * time.Millisecond, Timeout: 25 * time.Second},
		Alarm:     Alarm{DiskFree: 2 << 30, StreamFull: 80, Clock: 30 * time.Second},
		Telemetry: OTel{Sample: 1},
	}
}
