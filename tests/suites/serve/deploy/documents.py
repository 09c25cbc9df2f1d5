"""Tells what documents YAML files hold, as JSON, and what Kubernetes would say of those that are its own.

python documents.py FILE... prints a list with an object for each document: `file`, `document`, and `refusal`, which is null
where Kubernetes takes the document, or has no say in it.
"""

import json
import sys

import kubernetes_validate
import yaml

# Those of programs beside Kubernetes, whose schemas are not among Kubernetes' own.
OTHERS = ("keda.sh/", "kustomize.config.k8s.io/")


def refusal(document):
    version = document.get("apiVersion")
    if version is None or version.startswith(OTHERS):
        return None
    try:
        kubernetes_validate.validate(document, "1.37", strict=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(files):
    answer = []
    for file in files:
        with open(file) as text:
            for document in yaml.safe_load_all(text):
                answer.append({"file": file, "document": document, "refusal": refusal(document)})
    json.dump(answer, sys.stdout)


main(sys.argv[1:])
