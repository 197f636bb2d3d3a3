package bus

import "context"

// Storage is what the account of this connection holds on disk, of all its streams.
type Storage struct {
	Used  uint64 // bytes
	Limit uint64 // bytes; 0: none is set
}

// Storage asks the server how full the account is.
func (b *Bus) Storage(ctx context.Context) (Storage, error) {
	info, err := patiently(ctx, b, b.js.AccountInfo)
	if err != nil {
		return Storage{}, unavailable("The log can't be read.", err)
	}
	held := Storage{Used: info.Store}
	if info.Limits.MaxStore > 0 {
		held.Limit = uint64(info.Limits.MaxStore)
	}
	return held, nil
}
