module github.com/edrelay/edrelay/services

go 1.26.0

require (
	github.com/edrelay/edrelay/internal v0.0.0
	github.com/goccy/go-yaml v1.19.2
	github.com/joho/godotenv v1.5.1
)

replace github.com/edrelay/edrelay/sql => ../sql

replace github.com/edrelay/edrelay/internal => ../internal
