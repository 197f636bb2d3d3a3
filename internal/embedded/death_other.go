//go:build !linux

package embedded

import "syscall"

// diesWithParent is something that only Linux offers; elsewhere the next start ends an orphan.
func diesWithParent(*syscall.SysProcAttr, syscall.Signal) {}
