module github.com/edrelay/edrelay/sql

go 1.26.0
