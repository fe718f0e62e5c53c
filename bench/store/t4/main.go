// The peer of `npm run bench:store`: t4 (github.com/t4db/t4), embedded in a Go program, on the same S3 server. One node,
// its default settings: a write is acknowledged once its log is in the bucket. Prints one line of JSON.
//
//	t4 puts  <endpoint> <bucket> <prefix> <folder> <writers> <seconds>
//	t4 fresh <endpoint> <bucket> <prefix> <folder> <keys> <rounds>
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/t4db/t4"
	"github.com/t4db/t4/pkg/object"
)

const valueBytes = 256

// Counts what goes to the store.
type counting struct{ requests atomic.Int64 }

func (c *counting) RoundTrip(request *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return http.DefaultTransport.RoundTrip(request)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	check(err)
	return n
}

func key(i int) string { return fmt.Sprintf("%016d", i) }

func value(random *rand.Rand) []byte {
	half := make([]byte, valueBytes/2)
	random.Read(half)
	return append(half, bytes.Repeat([]byte("the same words in every row, "), 5)[:valueBytes/2]...)
}

func main() {
	what, endpoint, bucket, prefix, folder := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	place, err := url.Parse(endpoint)
	check(err)
	transport := &counting{}
	client, err := minio.New(place.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Region:       "us-east-1",
		BucketLookup: minio.BucketLookupPath,
		Transport:    transport,
	})
	check(err)
	open := func(name string) *t4.Node {
		node, err := t4.Open(t4.Config{
			DataDir:     filepath.Join(folder, name),
			ObjectStore: object.NewS3Store(client, bucket, prefix),
			Logger:      t4.NoopLogger,
		})
		check(err)
		return node
	}
	var figures any
	switch what {
	case "puts":
		figures = puts(open("puts"), transport, number(os.Args[6]), number(os.Args[7]))
	case "fresh":
		figures = fresh(open, number(os.Args[6]), number(os.Args[7]))
	}
	check(json.NewEncoder(os.Stdout).Encode(figures))
}

func puts(node *t4.Node, transport *counting, writers int, seconds int) any {
	var all sync.WaitGroup
	var next atomic.Int64
	took := make([][]float64, writers)
	began, requests := time.Now(), transport.requests.Load()
	end := began.Add(time.Duration(seconds) * time.Second)
	for writer := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewSource(int64(writer)))
			for time.Now().Before(end) {
				start := time.Now()
				_, err := node.Put(context.Background(), key(int(next.Add(1))), value(random), 0)
				check(err)
				took[writer] = append(took[writer], float64(time.Since(start).Nanoseconds())/1e6)
			}
		}()
	}
	all.Wait()
	ms := float64(time.Since(began).Nanoseconds()) / 1e6
	requests = transport.requests.Load() - requests
	check(node.Close())
	times := slices.Concat(took...)
	slices.Sort(times)
	at := func(share float64) float64 { return times[min(len(times)-1, int(share*float64(len(times))))] }
	count := float64(len(times))
	return map[string]float64{
		"rate": 1000 * count / ms, "p50": at(0.5), "p99": at(0.99), "requests": float64(requests) / count,
	}
}

func fresh(open func(string) *t4.Node, keys int, rounds int) any {
	const batch = 1000
	random := rand.New(rand.NewSource(1))
	node := open("filled")
	for from := 0; from < keys; from += batch {
		var request t4.TxnRequest
		for i := from; i < min(keys, from+batch); i++ {
			request.Success = append(request.Success, t4.TxnOp{Type: t4.TxnPut, Key: key(i), Value: value(random)})
		}
		_, err := node.Txn(context.Background(), request)
		check(err)
	}
	check(node.Close())
	var times []float64
	for round := range rounds {
		start := time.Now()
		node := open(fmt.Sprintf("fresh%d", round))
		found, err := node.Get(key(keys / 2))
		check(err)
		if found == nil {
			check(fmt.Errorf("a key is missing"))
		}
		times = append(times, float64(time.Since(start).Nanoseconds())/1e6)
		check(node.Close())
	}
	return map[string][]float64{"ms": times}
}
