#!/usr/bin/env bash
# Runs inside the PostgreSQL container when its volume is empty: hands the passwords of the environment to roles.sql.
set -euo pipefail

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" \
  --set=owner_password="$CRM_OWNER_DB_PASSWORD" \
  --set=webhook_ingest_password="$WEBHOOK_INGEST_DB_PASSWORD" \
  --set=service_api_password="$SERVICE_API_DB_PASSWORD" \
  --set=sso_issuer_password="$SSO_ISSUER_DB_PASSWORD" \
  --set=audit_log_password="$AUDIT_LOG_DB_PASSWORD" \
  --file="$(dirname "${BASH_SOURCE[0]}")/roles.psql"
