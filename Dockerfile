# A static binary in an empty image, not run as root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /mangrove ./cmd/mangrove
RUN mkdir -p /root-of-image/tmp /empty/zones /empty/data && chmod 1777 /root-of-image/tmp && chmod 0700 /empty/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /mangrove /mangrove
COPY --from=build /root-of-image/ /
COPY --from=build --chown=65532:65532 /empty/ /var/lib/mangrove/
USER 65532:65532
WORKDIR /var/lib/mangrove
VOLUME /var/lib/mangrove/data
EXPOSE 53/udp 53/tcp
# Inside a container the kernel lets everyone bind port 53 (net.ipv4.ip_unprivileged_port_start is 0 there).
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/mangrove", "status", "--quiet"]
ENTRYPOINT ["/mangrove"]
CMD ["serve"]
