// Command chartcheck renders a Helm chart with each of its value sets, as `helm template` does, and decodes every object
// strictly into the type that Kubernetes itself has for it: an unknown or misspelt field, a wrong shape, a name twice, or
// a selector that selects nothing is an error.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: chartcheck CHART [VALUES...]")
		os.Exit(2)
	}
	loaded, err := loader.Load(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	failed := false
	for _, file := range append([]string{""}, os.Args[2:]...) {
		count, err := check(loaded, file)
		if err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s %s: %v\n", os.Args[1], filepath.Base(file), err)
			continue
		}
		fmt.Printf("%s %s: %d objects\n", os.Args[1], filepath.Base(file), count)
	}
	if failed {
		os.Exit(1)
	}
}

// check renders the chart with a file of values, "" for its own, and judges what comes out.
func check(loaded *chart.Chart, file string) (int, error) {
	values := map[string]any{}
	if file != "" {
		read, err := chartutil.ReadValuesFile(file)
		if err != nil {
			return 0, err
		}
		values = read
	}
	full, err := chartutil.ToRenderValues(loaded, values,
		chartutil.ReleaseOptions{Name: "trial", Namespace: "default", IsInstall: true, Revision: 1}, chartutil.DefaultCapabilities)
	if err != nil {
		return 0, err
	}
	rendered, err := engine.Engine{Strict: true}.Render(loaded, full)
	if err != nil {
		return 0, err
	}
	objects, err := decode(rendered)
	if err != nil {
		return 0, err
	}
	return len(objects), judge(objects)
}

// decode turns each document into its type; a field that the type doesn't have is an error.
func decode(rendered map[string]string) (objects []runtime.Object, err error) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var names []string
	for name := range rendered {
		names = append(names, name)
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names {
		if strings.HasSuffix(name, ".tpl") || strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for documents := yaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(rendered[name]))); ; {
			buffer := make([]byte, 1<<20)
			n, err := documents.Read(buffer)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(buffer[:n])), "---"))
			if text == "" || onlyComments(text) {
				continue
			}
			object, _, err := decoder.Decode([]byte(text), nil, nil)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w in\n%s", name, err, text))
				continue
			}
			objects = append(objects, object)
		}
	}
	return objects, errors.Join(errs...)
}

func onlyComments(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// judge holds the objects against one another.
func judge(objects []runtime.Object) error {
	var errs []error
	seen := map[string]bool{}
	var pods []labels.Set
	for _, object := range objects {
		meta := object.(v1.Object)
		key := object.GetObjectKind().GroupVersionKind().Kind + "/" + meta.GetName()
		if seen[key] {
			errs = append(errs, fmt.Errorf("%s stands twice", key))
		}
		seen[key] = true
		switch workload := object.(type) {
		case *appsv1.Deployment:
			pods = append(pods, workload.Spec.Template.Labels)
			errs = append(errs, judgePod(key, workload.Spec.Selector, workload.Spec.Template))
		case *appsv1.StatefulSet:
			pods = append(pods, workload.Spec.Template.Labels)
			errs = append(errs, judgePod(key, workload.Spec.Selector, workload.Spec.Template))
		}
	}
	for _, object := range objects {
		var selector labels.Selector
		switch chosen := object.(type) {
		case *corev1.Service:
			selector = labels.SelectorFromSet(chosen.Spec.Selector)
		case *policyv1.PodDisruptionBudget:
			selector, _ = v1.LabelSelectorAsSelector(chosen.Spec.Selector)
		default:
			continue
		}
		if !slices.ContainsFunc(pods, func(set labels.Set) bool { return selector.Matches(set) }) {
			errs = append(errs, fmt.Errorf("%s selects no pod", object.(v1.Object).GetName()))
		}
	}
	return errors.Join(errs...)
}

func judgePod(key string, by *v1.LabelSelector, template corev1.PodTemplateSpec) error {
	var errs []error
	selector, err := v1.LabelSelectorAsSelector(by)
	if err != nil || !selector.Matches(labels.Set(template.Labels)) {
		errs = append(errs, fmt.Errorf("%s does not select its own pods", key))
	}
	volumes := map[string]bool{}
	for _, volume := range template.Spec.Volumes {
		volumes[volume.Name] = true
	}
	for _, container := range template.Spec.Containers {
		if container.ReadinessProbe == nil || container.Resources.Requests == nil {
			errs = append(errs, fmt.Errorf("%s: container %s has no readiness probe or no requests", key, container.Name))
		}
		if container.SecurityContext == nil || container.SecurityContext.ReadOnlyRootFilesystem == nil {
			errs = append(errs, fmt.Errorf("%s: container %s may write its root", key, container.Name))
		}
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] && mount.Name != "data" {
				errs = append(errs, fmt.Errorf("%s: container %s mounts the unknown volume %s", key, container.Name, mount.Name))
			}
		}
	}
	return errors.Join(errs...)
}
