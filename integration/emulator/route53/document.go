package route53

import "encoding/xml"

// The documents of the API, as its reference describes them. Unknown collects
// what the schema does not have, so that a misspelt element is refused.

const xmlns = "https://route53.amazonaws.com/doc/2013-04-01/"

type unknown struct {
	XMLName xml.Name
}

type xmlRecordSet struct {
	Name             string          `xml:"Name"`
	Type             string          `xml:"Type"`
	SetIdentifier    *string         `xml:"SetIdentifier,omitempty"`
	Weight           *int64          `xml:"Weight,omitempty"`
	Region           *string         `xml:"Region,omitempty"`
	GeoLocation      *xmlGeoLocation `xml:"GeoLocation,omitempty"`
	Failover         *string         `xml:"Failover,omitempty"`
	MultiValueAnswer *bool           `xml:"MultiValueAnswer,omitempty"`
	TTL              *int64          `xml:"TTL,omitempty"`
	ResourceRecords  *xmlRecords     `xml:"ResourceRecords,omitempty"`
	AliasTarget      *xmlAliasTarget `xml:"AliasTarget,omitempty"`
	HealthCheckID    *string         `xml:"HealthCheckId,omitempty"`
	Unknown          []unknown       `xml:",any"`
}

type xmlRecords struct {
	Records []xmlRecord `xml:"ResourceRecord"`
	Unknown []unknown   `xml:",any"`
}

type xmlRecord struct {
	Value   string    `xml:"Value"`
	Unknown []unknown `xml:",any"`
}

type xmlGeoLocation struct {
	ContinentCode   string `xml:"ContinentCode,omitempty"`
	CountryCode     string `xml:"CountryCode,omitempty"`
	SubdivisionCode string `xml:"SubdivisionCode,omitempty"`
}

type xmlAliasTarget struct {
	HostedZoneID         string `xml:"HostedZoneId"`
	DNSName              string `xml:"DNSName"`
	EvaluateTargetHealth *bool  `xml:"EvaluateTargetHealth"`
}

type xmlChangeRequest struct {
	XMLName xml.Name
	Batch   *xmlChangeBatch `xml:"ChangeBatch"`
	Unknown []unknown       `xml:",any"`
}

type xmlChangeBatch struct {
	Comment *string     `xml:"Comment"`
	Changes *xmlChanges `xml:"Changes"`
	Unknown []unknown   `xml:",any"`
}

type xmlChanges struct {
	Changes []xmlChange `xml:"Change"`
	Unknown []unknown   `xml:",any"`
}

type xmlChange struct {
	Action  string        `xml:"Action"`
	Set     *xmlRecordSet `xml:"ResourceRecordSet"`
	Unknown []unknown     `xml:",any"`
}

type xmlChangeInfo struct {
	ID          string `xml:"Id"`
	Status      string `xml:"Status"`
	SubmittedAt string `xml:"SubmittedAt"`
	Comment     string `xml:"Comment,omitempty"`
}

type changeResponse struct {
	XMLName xml.Name      `xml:"ChangeResourceRecordSetsResponse"`
	NS      string        `xml:"xmlns,attr"`
	Info    xmlChangeInfo `xml:"ChangeInfo"`
}

type getChangeResponse struct {
	XMLName xml.Name      `xml:"GetChangeResponse"`
	NS      string        `xml:"xmlns,attr"`
	Info    xmlChangeInfo `xml:"ChangeInfo"`
}

type xmlZone struct {
	ID              string        `xml:"Id"`
	Name            string        `xml:"Name"`
	CallerReference string        `xml:"CallerReference"`
	Config          xmlZoneConfig `xml:"Config"`
	RecordSetCount  int           `xml:"ResourceRecordSetCount"`
}

type xmlZoneConfig struct {
	Comment     string `xml:"Comment,omitempty"`
	PrivateZone bool   `xml:"PrivateZone"`
}

type xmlDelegationSet struct {
	NameServers []string `xml:"NameServers>NameServer"`
}

type getZoneResponse struct {
	XMLName xml.Name          `xml:"GetHostedZoneResponse"`
	NS      string            `xml:"xmlns,attr"`
	Zone    xmlZone           `xml:"HostedZone"`
	Set     *xmlDelegationSet `xml:"DelegationSet,omitempty"`
}

type createZoneRequest struct {
	XMLName         xml.Name
	Name            *string        `xml:"Name"`
	CallerReference *string        `xml:"CallerReference"`
	Config          *xmlZoneConfig `xml:"HostedZoneConfig"`
	VPC             *struct {
		Region string `xml:"VPCRegion"`
		ID     string `xml:"VPCId"`
	} `xml:"VPC"`
	Unknown []unknown `xml:",any"`
}

type createZoneResponse struct {
	XMLName xml.Name          `xml:"CreateHostedZoneResponse"`
	NS      string            `xml:"xmlns,attr"`
	Zone    xmlZone           `xml:"HostedZone"`
	Info    xmlChangeInfo     `xml:"ChangeInfo"`
	Set     *xmlDelegationSet `xml:"DelegationSet,omitempty"`
}

type deleteZoneResponse struct {
	XMLName xml.Name      `xml:"DeleteHostedZoneResponse"`
	NS      string        `xml:"xmlns,attr"`
	Info    xmlChangeInfo `xml:"ChangeInfo"`
}

type listZonesResponse struct {
	XMLName     xml.Name  `xml:"ListHostedZonesResponse"`
	NS          string    `xml:"xmlns,attr"`
	Zones       []xmlZone `xml:"HostedZones>HostedZone"`
	Marker      string    `xml:"Marker,omitempty"`
	IsTruncated bool      `xml:"IsTruncated"`
	NextMarker  string    `xml:"NextMarker,omitempty"`
	MaxItems    int       `xml:"MaxItems"`
}

type listZonesByNameResponse struct {
	XMLName          xml.Name  `xml:"ListHostedZonesByNameResponse"`
	NS               string    `xml:"xmlns,attr"`
	Zones            []xmlZone `xml:"HostedZones>HostedZone"`
	DNSName          string    `xml:"DNSName,omitempty"`
	HostedZoneID     string    `xml:"HostedZoneId,omitempty"`
	IsTruncated      bool      `xml:"IsTruncated"`
	NextDNSName      string    `xml:"NextDNSName,omitempty"`
	NextHostedZoneID string    `xml:"NextHostedZoneId,omitempty"`
	MaxItems         int       `xml:"MaxItems"`
}

type listSetsResponse struct {
	XMLName        xml.Name        `xml:"ListResourceRecordSetsResponse"`
	NS             string          `xml:"xmlns,attr"`
	Sets           []*xmlRecordSet `xml:"ResourceRecordSets>ResourceRecordSet"`
	IsTruncated    bool            `xml:"IsTruncated"`
	NextName       string          `xml:"NextRecordName,omitempty"`
	NextType       string          `xml:"NextRecordType,omitempty"`
	NextIdentifier string          `xml:"NextRecordIdentifier,omitempty"`
	MaxItems       int             `xml:"MaxItems"`
}

type countResponse struct {
	XMLName xml.Name `xml:"GetHostedZoneCountResponse"`
	NS      string   `xml:"xmlns,attr"`
	Count   int      `xml:"HostedZoneCount"`
}

type testAnswerResponse struct {
	XMLName    xml.Name `xml:"TestDNSAnswerResponse"`
	NS         string   `xml:"xmlns,attr"`
	Nameserver string   `xml:"Nameserver"`
	RecordName string   `xml:"RecordName"`
	RecordType string   `xml:"RecordType"`
	RecordData []string `xml:"RecordData>RecordDataEntry"`
	Code       string   `xml:"ResponseCode"`
	Protocol   string   `xml:"Protocol"`
}

type errorResponse struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	NS      string   `xml:"xmlns,attr"`
	Error   struct {
		Type    string
		Code    string
		Message string
	} `xml:"Error"`
	RequestID string `xml:"RequestId"`
}

type batchErrorResponse struct {
	XMLName   xml.Name `xml:"InvalidChangeBatch"`
	NS        string   `xml:"xmlns,attr"`
	Messages  []string `xml:"Messages>Message"`
	RequestID string   `xml:"RequestId"`
}
