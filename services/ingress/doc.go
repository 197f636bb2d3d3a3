// Package ingress is the public door: it proves who sent a request, makes it durable on the log, and answers.
package ingress
