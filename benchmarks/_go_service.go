// _node_service.js in Go, for young_services.py: POST /ask, GET /events, GET /health. Its cache of speech fills up to
// 15 MB and stays; with LEAK_BYTES each conversation whose client vanished is kept for ever, with so much.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	slots     = 240
	slotBytes = 64 * 1024
	chunks    = 3
	writing   = 250 * time.Millisecond
	unheard   = 20 * time.Second
	voicePath = "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM/stream?output_format=mp3_44100_128"
)

type conversation struct {
	text   string
	lock   sync.Mutex
	sent   []string
	done   bool
	news   chan struct{}
	listen bool
}

var (
	lock      sync.Mutex
	talks     = map[string]*conversation{}
	cache     [slots][]byte
	answered  int
	vanished  [][]byte
	leakBytes int
	client    = &http.Client{Transport: &http.Transport{MaxConnsPerHost: 32, MaxIdleConnsPerHost: 32}}
)

func speak(text string) ([]byte, error) {
	body, _ := json.Marshal(map[string]string{"text": text, "model_id": "eleven_flash_v2_5"})
	request, _ := http.NewRequest("POST", os.Getenv("TTS_URL")+voicePath, bytes.NewReader(body))
	request.Header.Set("xi-api-key", "any")
	request.Header.Set("content-type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("no speech: %d", response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

func (c *conversation) send(event string) {
	c.lock.Lock()
	c.sent = append(c.sent, "data: "+event+"\n\n")
	c.done = event == "[DONE]"
	old := c.news
	c.news = make(chan struct{})
	c.lock.Unlock()
	close(old)
}

func answer(id string, c *conversation) {
	for n := 0; n < chunks; n++ {
		text := c.text
		if len(text) > 60 {
			text = text[:60]
		}
		audio, err := speak(fmt.Sprintf("Part %d of the answer to %s", n+1, text))
		if err != nil {
			c.send(`{"type":"error"}`)
			break
		}
		if n == 0 {
			slot := make([]byte, slotBytes)
			copy(slot, audio)
			lock.Lock()
			cache[answered%slots] = slot
			answered++
			lock.Unlock()
		}
		event, _ := json.Marshal(map[string]any{"type": "audio", "n": n, "last": n == chunks-1, "pcm": base64.StdEncoding.EncodeToString(audio)})
		c.send(string(event))
	}
	time.Sleep(writing)
	c.send("[DONE]")
	time.AfterFunc(unheard, func() {
		c.lock.Lock()
		listen := c.listen
		c.lock.Unlock()
		if !listen {
			forget(id, c)
		}
	})
}

func forget(id string, c *conversation) {
	lock.Lock()
	if talks[id] == c {
		delete(talks, id)
	}
	lock.Unlock()
}

func ask(w http.ResponseWriter, r *http.Request) {
	var said struct{ Conversation, Say string }
	json.NewDecoder(r.Body).Decode(&said)
	w.Header().Set("content-type", "application/json")
	lock.Lock()
	before := talks[said.Conversation]
	if before != nil && !before.done && before.text == said.Say {
		lock.Unlock()
		w.WriteHeader(202)
		io.WriteString(w, `{"duplicate":true}`)
		return
	}
	c := &conversation{text: said.Say, news: make(chan struct{})}
	talks[said.Conversation] = c
	lock.Unlock()
	go answer(said.Conversation, c)
	w.WriteHeader(202)
	io.WriteString(w, "{}")
}

func events(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("conversation")
	lock.Lock()
	c := talks[id]
	lock.Unlock()
	if c == nil {
		w.WriteHeader(404)
		return
	}
	c.lock.Lock()
	c.listen = true
	c.lock.Unlock()
	w.Header().Set("content-type", "text/event-stream")
	w.WriteHeader(200)
	w.(http.Flusher).Flush()
	next := 0
	for {
		c.lock.Lock()
		sent, news, done := c.sent[next:], c.news, c.done
		next = len(c.sent)
		c.lock.Unlock()
		for _, line := range sent {
			if _, err := io.WriteString(w, line); err != nil {
				break
			}
		}
		w.(http.Flusher).Flush()
		if done {
			break
		}
		select {
		case <-news:
		case <-r.Context().Done():
			if leakBytes > 0 {
				kept := bytes.Repeat([]byte{1}, leakBytes)
				lock.Lock()
				vanished = append(vanished, kept)
				lock.Unlock()
			}
			forget(id, c)
			return
		}
	}
	forget(id, c)
}

func main() {
	leakBytes, _ = strconv.Atoi(os.Getenv("LEAK_BYTES"))
	http.HandleFunc("/ask", ask)
	http.HandleFunc("/events", events)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") })
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
