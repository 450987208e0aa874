// validate.mjs FILE...: the objects that kubernetes-validate knows no schema of (Gateway API, Prometheus operator) against theirs.
import { readFileSync } from "node:fs";
import * as gateway from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1";
import * as monitoring from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { parseAllDocuments } from "yaml";

const KINDS = {
  "gateway.networking.k8s.io/v1": gateway,
  "monitoring.coreos.com/v1": monitoring,
};
const files = process.argv.slice(2);
let checked = 0;
let refused = 0;
for (const file of files) {
  for (const document of parseAllDocuments(readFileSync(file, "utf8"))) {
    const object = document.toJS();
    const kinds = KINDS[object?.apiVersion];
    if (!kinds) continue;
    checked += 1;
    try {
      new kinds[object.kind](object).validate();
    } catch (error) {
      refused += 1;
      console.error(`${file}: ${object.kind} ${object.metadata?.name}: ${error.message}`);
    }
  }
}
console.log(`validate: ${checked} objects, ${refused} refused`);
process.exit(checked > 0 && refused === 0 ? 0 : 1);
