module github.com/edrelay/edrelay/services

go 1.26.0
