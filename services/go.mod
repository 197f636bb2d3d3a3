module github.com/edrelay/edrelay/services

go 1.26.0

require (
	github.com/edrelay/edrelay/internal v0.0.0
	github.com/goccy/go-yaml v1.19.2
	github.com/joho/godotenv v1.5.1
	github.com/spf13/cobra v1.10.2
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
)

replace github.com/edrelay/edrelay/sql => ../sql

replace github.com/edrelay/edrelay/internal => ../internal
