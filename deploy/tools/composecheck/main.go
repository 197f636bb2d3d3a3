// Command composecheck reads Compose files with the parser of the Compose specification and refuses what would not run
// well: services without a health check that are not one-shot, mounts of unknown volumes, dependencies on a health that
// nobody checks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() {
	for _, file := range os.Args[1:] {
		if err := check(context.Background(), file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

func check(ctx context.Context, file string) error {
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithEnv([]string{"POSTGRES_PASSWORD=p", "EDRELAY_ADMIN_TOKEN=t", "EDRELAY_ENCRYPTION_KEY=k"}), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return err
	}
	oneShot := map[string]bool{}
	var errs []error
	for name, service := range project.Services {
		for on, how := range service.DependsOn {
			oneShot[on] = oneShot[on] || how.Condition == types.ServiceConditionCompletedSuccessfully
			if how.Condition == types.ServiceConditionHealthy && project.Services[on].HealthCheck == nil {
				errs = append(errs, fmt.Errorf("%s waits for the health of %s, which nobody checks", name, on))
			}
		}
		for _, mount := range service.Volumes {
			if _, known := project.Volumes[mount.Source]; mount.Type == types.VolumeTypeVolume && !known {
				errs = append(errs, fmt.Errorf("%s mounts the unknown volume %s", name, mount.Source))
			}
		}
	}
	for name, service := range project.Services {
		if service.HealthCheck == nil && !oneShot[name] {
			errs = append(errs, fmt.Errorf("%s has no health check", name))
		}
		if service.Image == "" && service.Build == nil {
			errs = append(errs, fmt.Errorf("%s has no image", name))
		}
	}
	return errors.Join(errs...)
}
