module github.com/edrelay/edrelay/internal

go 1.26.0
