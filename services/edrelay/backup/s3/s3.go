// Package s3 keeps backups in a bucket of an S3-compatible store.
package s3

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/edrelay/edrelay/internal/relay"
)

// partSize bounds the memory of an upload; 10,000 parts of it are the largest file.
const partSize = 32 << 20

// Config says where the bucket is.
type Config struct {
	Endpoint  string // host:port
	Insecure  bool   // http instead of https
	Region    string // "" asks the store
	Bucket    string
	Prefix    string // of all names; "" for none
	AccessKey string
	SecretKey string
	Token     string // of a temporary key; "" for none

	Transport http.RoundTripper // nil: the client's own
}

// Shelf is a place in a bucket.
type Shelf struct {
	client *minio.Client
	bucket string
	prefix string
}

// New checks that the bucket is there.
func New(ctx context.Context, c Config) (Shelf, error) {
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.Token), Secure: !c.Insecure, Region: c.Region, Transport: c.Transport,
	})
	if err != nil {
		return Shelf{}, relay.Errorf(relay.CodeInvalid, "the S3 endpoint %q is no host:port", c.Endpoint)
	}
	there, err := client.BucketExists(ctx, c.Bucket)
	if err != nil {
		return Shelf{}, &relay.Error{Code: relay.CodeUnavailable, Message: "The S3 store refuses or does not answer.",
			Hint: "Check AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", Err: err}
	}
	if !there {
		return Shelf{}, relay.Errorf(relay.CodeNotFound, "there is no bucket %s", c.Bucket)
	}
	prefix := strings.Trim(c.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return Shelf{client: client, bucket: c.Bucket, prefix: prefix}, nil
}

// Create streams a file up; it is there when Close has returned nil.
func (s Shelf) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	reader, writer := io.Pipe()
	u := &uploading{PipeWriter: writer, ended: ctx.Err, done: make(chan error, 1)}
	go func() {
		_, err := s.client.PutObject(ctx, s.bucket, s.prefix+name, reader, -1, minio.PutObjectOptions{
			PartSize: partSize, ContentType: "application/octet-stream",
			SendContentMd5: true, // a checksum that every store knows, unlike trailers
		})
		reader.CloseWithError(err)
		u.done <- err
	}()
	return u, nil
}

type uploading struct {
	*io.PipeWriter
	ended func() error
	done  chan error
}

func (u *uploading) Close() error {
	_ = u.CloseWithError(u.ended()) // nil ends the file
	if err := <-u.done; err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}

// Open reads a file.
func (s Shelf) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := s.client.GetObject(ctx, s.bucket, s.prefix+name, minio.GetObjectOptions{})
	if err == nil {
		_, err = object.Stat()
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return object, nil
}

// List gives the names of all files.
func (s Shelf) List(ctx context.Context) ([]string, error) {
	var names []string
	for object := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, object.Err
		}
		names = append(names, strings.TrimPrefix(object.Key, s.prefix))
	}
	return names, nil
}

// Remove removes a file.
func (s Shelf) Remove(ctx context.Context, name string) error {
	return s.client.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{})
}
