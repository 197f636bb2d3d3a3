// Command chartcheck reads what `helm template` wrote and holds the objects against one another, which no schema does: a
// name twice, a selector that selects nothing, a mount of a volume that is not there, a container that may write its
// root, has no readiness probe or asks for no resources, a variable where nats-server replaces none.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	objects, err := read(os.Stdin)
	if err == nil {
		err = judge(objects)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// read gives the objects of the kinds that Kubernetes has itself.
func read(from io.Reader) (objects []runtime.Object, err error) {
	for documents := yaml.NewYAMLReader(bufio.NewReader(from)); ; {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
		if runtime.IsMissingKind(err) || runtime.IsNotRegisteredError(err) { // nothing but comments, or not of Kubernetes
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, text)
		}
		objects = append(objects, object)
	}
}

var variableInURL = regexp.MustCompile(`://[^\s"]*\$`)

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
		case *corev1.Secret:
			for name, text := range workload.StringData {
				if variableInURL.MatchString(text) {
					errs = append(errs, fmt.Errorf("%s: %s has a variable within a URL, which nats-server does not replace", key, name))
				}
			}
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
