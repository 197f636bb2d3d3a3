package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/telemetry"
)

// check refuses values that have the right shape and make no sense.
func (d *decoder) check(c *Config, env *variables) {
	var problems []string
	wrong := func(key, format string, args ...any) {
		problems = append(problems, d.place(env, variableOf(key), key)+key+": "+fmt.Sprintf(format, args...))
	}
	for key, addr := range map[string]string{"http.addr": c.HTTP.Addr, "admin.addr": c.Admin.Addr, "nats.embedded.addr": c.NATS.Embedded.Addr} {
		if !isListenAddress(addr) {
			wrong(key, "an address such as 127.0.0.1:8080 is wanted")
		}
	}
	for key, n := range map[string]int{"lms.calls_per_minute": c.LMS.CallsPerMinute, "lms.batch_size": c.LMS.BatchSize} {
		if n < 1 {
			wrong(key, "a whole number from 1 is wanted")
		}
	}
	for key, span := range map[string]time.Duration{
		"lms.timeout": c.LMS.Timeout, "lms.give_up_after": c.LMS.GiveUpAfter, "lms.course_wait": c.LMS.CourseWait,
		"nats.retention.webhooks": c.NATS.Retention.Webhooks, "nats.retention.rejected": c.NATS.Retention.Rejected,
		"nats.retention.events": c.NATS.Retention.Events, "nats.retention.deliveries": c.NATS.Retention.Deliveries,
		"shutdown.lame_duck": c.Shutdown.LameDuck, "shutdown.timeout": c.Shutdown.Timeout,
		"alarm.clock": c.Alarm.Clock,
	} {
		if span <= 0 {
			wrong(key, "a duration above zero is wanted, such as 30s or 24h")
		}
	}
	if c.Shutdown.LameDuck >= c.Shutdown.Timeout {
		wrong("shutdown.lame_duck", "less than shutdown.timeout is wanted")
	}
	if c.NATS.Replicas != 1 && c.NATS.Replicas != 3 && c.NATS.Replicas != 5 {
		wrong("nats.replicas", "1, 3 or 5 is wanted")
	}
	if span, err := time.ParseDuration(c.NATS.Embedded.Sync); c.NATS.Embedded.Sync != "always" && (err != nil || span <= 0) {
		wrong("nats.embedded.sync", "always or a duration such as 2m is wanted")
	}
	if c.Alarm.StreamFull < 1 || c.Alarm.StreamFull > 100 {
		wrong("alarm.stream_full", "a percentage from 1 to 100 is wanted")
	}
	if len(c.LMS.Retry) == 0 {
		wrong("lms.retry", "at least one duration is wanted")
	}
	if address, err := url.Parse(c.LMS.URL); c.LMS.URL != "" && (err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http")) {
		wrong("lms.url", "an address such as https://lms.example.org is wanted")
	}
	if c.LMS.URL != "" && (c.LMS.ClientID == "") != (c.LMS.ClientSecret == "") {
		wrong("lms", "client_id and client_secret go together; one of them is missing")
	}
	if c.Telemetry.Endpoint != "" && telemetry.CheckEndpoint(c.Telemetry.Endpoint) != nil {
		wrong("telemetry.endpoint", "%v", telemetry.CheckEndpoint(c.Telemetry.Endpoint))
	}
	if !(c.Telemetry.Sample >= 0 && c.Telemetry.Sample <= 1) {
		wrong("telemetry.sample", "a number from 0 to 1 is wanted")
	}
	for i, network := range c.Notifier.AllowNetworks {
		if _, err := netip.ParsePrefix(network); err != nil {
			wrong(fmt.Sprintf("notifier.allow_networks[%d]", i), "a network such as 10.1.2.0/24 is wanted")
		}
	}
	for i, proxy := range c.HTTP.TrustedProxies {
		_, asAddr := netip.ParseAddr(proxy)
		if _, asNet := netip.ParsePrefix(proxy); asAddr != nil && asNet != nil {
			wrong(fmt.Sprintf("http.trusted_proxies[%d]", i), "an address or network such as 10.0.0.0/8 is wanted")
		}
	}
	if raw, err := base64.StdEncoding.DecodeString(c.EncryptionKey); c.EncryptionKey != "" && (err != nil || len(raw) != 32) {
		wrong("encryption_key", "32 bytes in base64 are wanted, as `openssl rand -base64 32` makes them")
	}
	oneOf := func(key, value string, choices ...string) {
		for _, choice := range choices {
			if value == choice {
				return
			}
		}
		wrong(key, "one of %q is wanted", choices)
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "", "text", "json")
	slices.Sort(problems)
	for _, problem := range problems {
		d.problems = append(d.problems, errors.New(problem))
	}
}

func isListenAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}
