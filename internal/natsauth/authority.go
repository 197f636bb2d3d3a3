package natsauth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Authority holds the operator's keys and those of the accounts that always exist, in a directory that only its owner
// reads.
type Authority struct {
	dir      string
	operator nkeys.KeyPair
	system   nkeys.KeyPair // the account that accounts are announced to
	services nkeys.KeyPair // the account of edrelay's own services and of the log
}

// The files of an Authority's directory. Configurations of external servers name the JWT files.
const (
	operatorJWT  = "operator.jwt"
	servicesFile = "edrelay.creds"
	systemFile   = "system.creds"
)

// Open reads the keys in dir, makes those that are missing, and writes the JWT and credential files anew where they
// are missing.
func Open(dir string) (*Authority, error) {
	a := &Authority{dir: dir}
	if err := os.MkdirAll(filepath.Join(dir, readersDir), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of NATS keys: %w", err)
	}
	for _, key := range []struct {
		name string
		make func() (nkeys.KeyPair, error)
		pair *nkeys.KeyPair
	}{
		{"operator.nk", nkeys.CreateOperator, &a.operator},
		{"system.nk", nkeys.CreateAccount, &a.system},
		{"edrelay.nk", nkeys.CreateAccount, &a.services},
	} {
		pair, err := loadKey(filepath.Join(dir, key.name), key.make)
		if err != nil {
			return nil, err
		}
		*key.pair = pair
	}
	return a, a.writeFiles()
}

// CredentialsFile is the path of the credentials that edrelay's own services use: everything in their account.
func (a *Authority) CredentialsFile() string { return filepath.Join(a.dir, servicesFile) }

// SystemCredentialsFile is the path of the credentials that announce accounts to a server.
func (a *Authority) SystemCredentialsFile() string { return filepath.Join(a.dir, systemFile) }

// Operator gives the claims that a server trusts.
func (a *Authority) Operator() (*jwt.OperatorClaims, error) {
	claims := jwt.NewOperatorClaims(public(a.operator))
	claims.Name = "edrelay"
	claims.SystemAccount = public(a.system)
	token, err := claims.Encode(a.operator)
	if err != nil {
		return nil, fmt.Errorf("sign the operator: %w", err)
	}
	return jwt.DecodeOperatorClaims(token)
}

// SystemAccount is the public key of the system account.
func (a *Authority) SystemAccount() string { return public(a.system) }

// Accounts gives the signed account JWTs that a server must know, by public key: the two own ones and every reader's.
func (a *Authority) Accounts() (map[string]string, error) {
	accounts := map[string]string{}
	for _, claims := range []*jwt.AccountClaims{a.systemClaims(), a.servicesClaims()} {
		token, err := claims.Encode(a.operator)
		if err != nil {
			return nil, fmt.Errorf("sign account %s: %w", claims.Name, err)
		}
		accounts[claims.Subject] = token
	}
	readers, err := a.readers()
	if err != nil {
		return nil, err
	}
	for _, r := range readers {
		token, err := a.readerToken(r)
		if err != nil {
			return nil, err
		}
		accounts[r.Account] = token
	}
	return accounts, nil
}

func (a *Authority) writeFiles() error {
	operator, err := a.Operator()
	if err != nil {
		return err
	}
	token, err := operator.Encode(a.operator)
	if err != nil {
		return fmt.Errorf("sign the operator: %w", err)
	}
	if err := writeOnce(filepath.Join(a.dir, operatorJWT), []byte(token)); err != nil {
		return err
	}
	for name, account := range map[string]nkeys.KeyPair{servicesFile: a.services, systemFile: a.system} {
		creds, _, err := credentials(account, "edrelay", jwt.Permissions{}, 0)
		if err != nil {
			return err
		}
		if err := writeOnce(filepath.Join(a.dir, name), creds); err != nil {
			return err
		}
	}
	return nil
}

// loadKey reads a key's seed; a key that is not there is made.
func loadKey(path string, create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, error) {
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		pair, err := create()
		if err != nil {
			return nil, fmt.Errorf("make a NATS key: %w", err)
		}
		if seed, err = pair.Seed(); err != nil {
			return nil, fmt.Errorf("make a NATS key: %w", err)
		}
		if err := writeOnce(path, seed); err != nil {
			return nil, err
		}
		seed, err = os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a NATS key: %w", err)
		}
		return nkeys.FromSeed(seed)
	}
	if err != nil {
		return nil, fmt.Errorf("read a NATS key: %w", err)
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("read the NATS key %s: %w", path, err)
	}
	return pair, nil
}

// writeOnce writes a private file whole or not at all, and leaves one that is there as it is.
func writeOnce(path string, text []byte) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	draft, err := drafted(path, text)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(draft)
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// replace writes a private file whole or not at all.
func replace(path string, text []byte) error {
	draft, err := drafted(path, text)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(draft, path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(draft))
	}
	return nil
}

func drafted(path string, text []byte) (string, error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".draft-*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// public gives a key's public half; keys that we made or read always have one.
func public(pair nkeys.KeyPair) string {
	key, _ := pair.PublicKey()
	return key
}
