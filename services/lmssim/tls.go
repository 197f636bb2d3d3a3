package lmssim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// TLSKind says how a platform behind TLS behaves.
type TLSKind string

// The kinds of TLS.
const (
	TLSGood      TLSKind = "good"       // a certificate for localhost and loopback addresses
	TLSExpired   TLSKind = "expired"    // one that is over since yesterday
	TLSWrongHost TLSKind = "wrong_host" // one for wrong.invalid
	TLSHandshake TLSKind = "handshake"  // no handshake succeeds
)

// ListenTLS wraps a listener for Serve. The certificate signs itself; trust in pool makes TLSGood good.
func ListenTLS(ln net.Listener, kind TLSKind) (wrapped net.Listener, pool *x509.CertPool, err error) {
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lms-sim"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	config := &tls.Config{NextProtos: []string{"http/1.1"}} // connections must be hijackable
	switch kind {
	case TLSGood:
	case TLSExpired:
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	case TLSWrongHost:
		template.DNSNames, template.IPAddresses = []string{"wrong.invalid"}, nil
	case TLSHandshake:
		config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return nil, fmt.Errorf("no handshake today")
		}
	default:
		return nil, nil, fmt.Errorf("tls kind %q is not known", kind)
	}
	cert, pool, err := selfSigned(template)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{cert}
	return tls.NewListener(ln, config), pool, nil
}

func selfSigned(template x509.Certificate) (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool, nil
}
