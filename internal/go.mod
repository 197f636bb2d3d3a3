module github.com/edrelay/edrelay/internal

go 1.26.0

require github.com/edrelay/edrelay/sql v0.0.0

replace github.com/edrelay/edrelay/sql => ../sql
