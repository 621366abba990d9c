package cache

import (
	"io/fs"
	"syscall"
)

// StatOf returns how the disk knows a file, the zero Stat where it does not tell.
func StatOf(info fs.FileInfo) Stat {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Stat{}
	}
	return Stat{Size: info.Size(), Modified: info.ModTime().UnixNano(), Changed: st.Ctimespec.Nano(), Inode: st.Ino}
}
