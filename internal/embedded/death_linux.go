package embedded

import "syscall"

// diesWithParent has the kernel send sig to the process when the thread that started it ends, however it ends.
func diesWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
