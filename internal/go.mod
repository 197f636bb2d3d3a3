module github.com/edrelay/edrelay/internal

go 1.26.0

replace github.com/edrelay/edrelay/sql => ../sql

require pgregory.net/rapid v1.3.0
